package remote

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/cloud"
)

// hostKeys decides whether a host is the one that it says it is. There is no way to switch it
// off: either the key was known at the machine's birth, or a known_hosts file vouches for it, or
// the user has said accept-new, which trusts the first meeting and no changed key.
type hostKeys struct {
	mu    sync.Mutex // guards the known_hosts files, which accept-new appends to
	files map[string]*knownFile
}

// hostKeyCheck is what an SSH client needs to check one host. algorithms follows what is known
// of the host: with an ed25519 line only, a server that prefers RSA would look like an impostor.
type hostKeyCheck struct {
	callback   ssh.HostKeyCallback
	algorithms []string
}

// hostKeyError is a host whose key we do not accept.
type hostKeyError struct{ what, remedy string }

func (e *hostKeyError) Error() string { return e.what }

func (k *hostKeys) forMachine(m cloud.Machine, addr string) (hostKeyCheck, error) {
	if m.HostKey != "" {
		return pinned(m.HostKey)
	}
	file, err := knownHostsFile(m)
	if err != nil {
		return hostKeyCheck{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	db, err := k.open(file)
	if err != nil {
		return hostKeyCheck{}, fmt.Errorf("known hosts: %w", err)
	}
	return hostKeyCheck{
		callback: func(host string, remote net.Addr, key ssh.PublicKey) error {
			err := db.HostKeyCallback()(host, remote, key)
			switch {
			case knownhosts.IsHostKeyChanged(err):
				return &hostKeyError{
					what:   fmt.Sprintf("its host key has CHANGED (now %s): another machine, or somebody in between", fingerprint(key)),
					remedy: fmt.Sprintf("if you know that the machine was made anew: ssh-keygen -f %s -R '%s'", file, knownhosts.Normalize(addr)),
				}
			case knownhosts.IsHostUnknown(err) && m.Login.AcceptNewKey:
				return k.accept(file, host, remote, key)
			case knownhosts.IsHostUnknown(err):
				return &hostKeyError{
					what:   fmt.Sprintf("its host key is not known (%s; no line for it in %s)", fingerprint(key), file),
					remedy: "compare the fingerprint and add the key with ssh-keyscan, or choose host_key_checking: accept-new (gofab run: --host-key-checking accept-new)",
				}
			}
			return err
		},
		algorithms: db.HostKeyAlgorithms(addr),
	}, nil
}

// accept adds a line for a host that was met for the first time.
func (k *hostKeys) accept(file, host string, remote net.Addr, key ssh.PublicKey) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	f, err := os.OpenFile(file, os.O_APPEND|os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("add the new host key: %w", err)
	}
	defer f.Close()
	if err := endLine(f); err != nil {
		return fmt.Errorf("add the new host key: %w", err)
	}
	if err := knownhosts.WriteKnownHost(f, host, remote, key); err != nil {
		return fmt.Errorf("add the new host key to %s: %w", file, err)
	}
	return f.Close()
}

// endLine completes the last line of a file that an editor has left without an end.
func endLine(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, info.Size()-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err = f.WriteString("\n")
	return err
}

// pinned accepts one key, given in authorized_keys form.
func pinned(line string) (hostKeyCheck, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return hostKeyCheck{}, fmt.Errorf("the provider's host key: %w", err)
	}
	return hostKeyCheck{
		callback: func(_ string, _ net.Addr, got ssh.PublicKey) error {
			if fingerprint(got) == fingerprint(key) {
				return nil
			}
			return &hostKeyError{
				what:   fmt.Sprintf("its host key is %s, the machine was made with %s: another machine, or somebody in between", fingerprint(got), fingerprint(key)),
				remedy: "do not use this machine: scram the run and start again",
			}
		},
		algorithms: algorithms(key),
	}, nil
}

// algorithms are the ways to sign with key. An RSA key has several.
func algorithms(key ssh.PublicKey) []string {
	if key.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{key.Type()}
}

func fingerprint(key ssh.PublicKey) string { return ssh.FingerprintSHA256(key) }

func (k *hostKeys) open(file string) (*knownhosts.HostKeyDB, error) {
	if k.files == nil {
		k.files = make(map[string]*knownFile)
	}
	if k.files[file] == nil {
		k.files[file] = &knownFile{}
	}
	return k.files[file].open(file)
}

func knownHostsFile(m cloud.Machine) (string, error) {
	home, err := os.UserHomeDir()
	if err != nil && m.Login.KnownHosts == "" {
		return "", fmt.Errorf("known hosts: %w", err)
	}
	file := cmp.Or(m.Login.KnownHosts, filepath.Join(home, ".ssh", "known_hosts"))
	if m.Login.AcceptNewKey {
		err = os.MkdirAll(filepath.Dir(file), 0o700)
	} else {
		err = nil
	}
	return file, err
}
