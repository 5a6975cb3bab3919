package remote

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/melbahja/goph"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/gofab/gofab/internal/cloud"
)

// authenticator finds the ways to log in to a machine. Each key file is read once, the agent is
// asked once.
type authenticator struct {
	mu    sync.Mutex
	files map[string]ssh.Signer

	once  sync.Once
	agent []ssh.Signer // of the agent, which signs for as long as we run
	usual []ssh.Signer // the agent's and those of ~/.ssh
	notes []string     // where usual came from, for the error message
}

// methods lists what to try. The SSH library tries each kind of method once, so all keys go into
// one. Machines with a key file of their own, and those of the run, are shown no other key: sshd
// counts every key shown against MaxAuthTries.
func (a *authenticator) methods(d *Dialer, m cloud.Machine) ([]ssh.AuthMethod, error) {
	var methods []ssh.AuthMethod
	switch {
	case m.Login.KeyFile != "":
		key, err := a.file(m.Login.KeyFile)
		if err != nil {
			return nil, err
		}
		methods = append(methods, ssh.PublicKeys(key))
	case ours(m) && d.RunKey != nil:
		methods = append(methods, ssh.PublicKeys(d.RunKey))
	default:
		a.once.Do(a.find)
		if len(a.usual) > 0 {
			methods = append(methods, ssh.PublicKeys(a.usual...))
		}
	}
	if password := cmp.Or(m.Login.Password, d.Password); password != "" {
		methods = append(methods, goph.KeyboardInteractive(password)...)
	}
	return methods, nil
}

// tried says for a person which ways methods has found.
func (a *authenticator) tried(d *Dialer, m cloud.Machine) string {
	var ways []string
	switch {
	case m.Login.KeyFile != "":
		ways = append(ways, m.Login.KeyFile)
	case ours(m) && d.RunKey != nil:
		ways = append(ways, "the run's own key")
	default:
		ways = slices.Clone(a.notes)
	}
	if m.Login.Password != "" || d.Password != "" {
		ways = append(ways, "a password")
	}
	if len(ways) == 0 {
		return "nothing: there is no key in an agent, no usual key in ~/.ssh, no key=… and no password"
	}
	return strings.Join(ways, ", ")
}

// ours tells the machines that the run has made from those that it has borrowed.
func ours(m cloud.Machine) bool { return !m.Launched.IsZero() }

// file reads a private key. One that is locked may be in the agent.
func (a *authenticator) file(name string) (ssh.Signer, error) {
	key, err := a.read(name)
	var locked *ssh.PassphraseMissingError
	if !errors.As(err, &locked) {
		return key, err
	}
	a.once.Do(a.find)
	if i := a.index(publicKey(name, locked)); i >= 0 {
		return a.agent[i], nil
	}
	return nil, fmt.Errorf("key %s is locked with a passphrase: unlock it with ssh-add", name)
}

func (a *authenticator) read(name string) (ssh.Signer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if key := a.files[name]; key != nil {
		return key, nil
	}
	key, err := goph.GetSigner(name, "")
	var path *fs.PathError
	switch {
	case errors.As(err, &path):
		return nil, fmt.Errorf("read key %s: %w", name, path.Err)
	case err != nil:
		return nil, fmt.Errorf("read key %s: %w", name, err)
	}
	if a.files == nil {
		a.files = make(map[string]ssh.Signer)
	}
	a.files[name] = key
	return key, nil
}

// publicKey is the public half of a locked key; older formats have it in a file beside.
func publicKey(name string, locked *ssh.PassphraseMissingError) ssh.PublicKey {
	if locked.PublicKey != nil {
		return locked.PublicKey
	}
	text, err := os.ReadFile(name + ".pub")
	if err != nil {
		return nil
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil
	}
	return key
}

// index finds a key among the agent's.
func (a *authenticator) index(key ssh.PublicKey) int {
	return slices.IndexFunc(a.agent, func(s ssh.Signer) bool {
		return key != nil && bytes.Equal(s.PublicKey().Marshal(), key.Marshal())
	})
}

// find collects what ssh itself would offer without any configuration, no key twice.
func (a *authenticator) find() {
	if a.askAgent(); len(a.agent) > 0 {
		a.usual = slices.Clone(a.agent)
		a.notes = append(a.notes, fmt.Sprintf("%d of the agent's keys", len(a.agent)))
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return
	}
	for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
		file := filepath.Join(home, ".ssh", name)
		key, err := a.read(file)
		var locked *ssh.PassphraseMissingError
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case errors.As(err, &locked):
			if a.index(publicKey(file, locked)) < 0 {
				a.notes = append(a.notes, fmt.Sprintf("not %s, which is locked with a passphrase", file))
			}
		case err != nil:
			a.notes = append(a.notes, fmt.Sprintf("not %s, which cannot be read", file))
		case a.index(key.PublicKey()) < 0:
			a.usual = append(a.usual, key)
			a.notes = append(a.notes, file)
		}
	}
}

// askAgent lists the agent's keys. The connection stays open, for signing.
func (a *authenticator) askAgent() {
	if !goph.HasAgent() {
		return
	}
	socket, err := net.Dial("unix", os.Getenv("SSH_AUTH_SOCK"))
	if err != nil {
		return
	}
	if a.agent, err = agent.NewClient(socket).Signers(); err != nil || len(a.agent) == 0 {
		socket.Close()
	}
}

// isAuthFailure recognises a refused login; the SSH library has no type for it.
func isAuthFailure(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "unable to authenticate") ||
		strings.Contains(err.Error(), "Too many authentication failures"))
}
