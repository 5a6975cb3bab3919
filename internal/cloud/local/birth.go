package local

import (
	"cmp"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	machineArg = "__machine" // first argument of a machine's process; its directory is the second

	// Every process of a machine carries both: the first is for people, the second, which no
	// other machine shares, is what the sweep of Terminate goes by.
	markName = "GOFAB_MACHINE"     // <run>/<name>
	markDir  = "GOFAB_MACHINE_DIR" // <state>/<run>/machines/<name>
)

// nature is what is decided of a machine before it is born.
type nature struct {
	listen     net.TCPAddr // port 0: any
	hostKey    []byte      // private, PEM; nil: a fresh one
	userKeys   string      // of those who may log in, in authorized_keys form
	ttl        time.Duration
	generation int64   // of the fleet
	hourly     float64 // what it costs, US dollars; 0: nothing
}

// bear makes the machine: everything that is known of it first, the lock next, the process last.
// The channel is closed when the process has ended.
func (p place) bear(n nature) (ended <-chan struct{}, err error) {
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil { // then there is no process
			os.RemoveAll(p.dir)
		}
	}()
	for _, d := range []string{filepath.Dir(p.syslog()), p.tmp()} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, err
		}
	}
	hostKey, err := p.layHostKey(n.hostKey)
	if err != nil {
		return nil, fmt.Errorf("host key: %w", err)
	}
	ln, err := net.ListenTCP("tcp4", &n.listen)
	if err != nil {
		return nil, err
	}
	defer ln.Close()

	now := time.Now()
	addr := ln.Addr().(*net.TCPAddr)
	err = p.writeBirth(birth{
		Run: p.run, Name: p.name(), Index: p.index,
		Address: addr.IP.String(), Port: addr.Port, User: userName(),
		HostKey: hostKey, UserKey: n.userKeys,
		Launched: now, Expires: now.Add(n.ttl), Generation: n.generation, Hourly: n.hourly,
	})
	if err != nil {
		return nil, err
	}
	lock, err := p.take()
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	return p.start(ln, lock)
}

// layHostKey writes the private key, a fresh one if there is none, and returns the public one in
// authorized_keys form.
func (p place) layHostKey(text []byte) (string, error) {
	if text == nil {
		_, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			return "", err
		}
		block, err := ssh.MarshalPrivateKey(private, p.name())
		if err != nil {
			return "", err
		}
		text = pem.EncodeToMemory(block)
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(p.file("hostkey"), text, 0o600); err != nil {
		return "", err
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))), nil
}

// start makes the child and the one goroutine that awaits it, for as long as both live.
func (p place) start(ln *net.TCPListener, lock *os.File) (<-chan struct{}, error) {
	executable, err := self()
	if err != nil {
		return nil, err
	}
	socket, err := ln.File()
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	console, err := os.OpenFile(p.file("console.log"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer console.Close()
	cmd := &exec.Cmd{
		Path:        executable,
		Args:        []string{"gofab", machineArg, p.dir},
		Dir:         p.home(),
		Env:         p.processEnv(),
		Stdout:      console,
		Stderr:      console,
		ExtraFiles:  []*os.File{socket, lock}, // listenerFD, lockFD
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait()
	}()
	return ended, nil
}

// processEnv is the environment of the machine's own process: not the launcher's, which may hold
// secrets, but for what the Go runtime itself looks at.
func (p place) processEnv() []string {
	env := p.env()
	for _, name := range []string{"GOCOVERDIR", "GORACE", "GOTRACEBACK", "GODEBUG"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// env is the environment of commands on the machine.
func (p place) env() []string {
	return []string{
		markName + "=" + p.run + "/" + p.name(),
		markDir + "=" + p.dir,
		"HOME=" + p.home(),
		"HOSTNAME=" + p.name(),
		"USER=" + userName(),
		"LOGNAME=" + userName(),
		"SHELL=/bin/sh",
		"PATH=" + cmp.Or(os.Getenv("PATH"), "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"),
		"LANG=" + cmp.Or(os.Getenv("LANG"), "C.UTF-8"),
		"TMPDIR=" + p.tmp(),
	}
}

// self is this very program. On Linux that is the file we run from, even if it was deleted
// (`go run` does that) or replaced by another version since.
func self() (string, error) {
	if runtime.GOOS == "linux" {
		if _, err := os.Stat("/proc/self/exe"); err == nil {
			return "/proc/self/exe", nil
		}
	}
	return os.Executable()
}

func userName() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return cmp.Or(os.Getenv("USER"), "gofab")
}
