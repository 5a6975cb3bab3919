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

	"github.com/gofab/gofab/internal/cloud"
)

const (
	machineArg = "__machine" // first argument of a machine's process; its directory is the second

	// Every process of a machine carries both: the first is for people, the second, which no
	// other machine shares, is what the sweep of Terminate goes by.
	markName = "GOFAB_MACHINE"     // <run>/<name>
	markDir  = "GOFAB_MACHINE_DIR" // <state>/<run>/machines/<name>
)

// bear makes the machine: everything that is known of it first, the lock next, the process last.
func (p place) bear(spec cloud.LaunchSpec, generation int64) (err error) {
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		return err
	}
	defer func() {
		if err != nil { // then there is no process
			os.RemoveAll(p.dir)
		}
	}()
	for _, d := range []string{filepath.Dir(p.syslog()), p.tmp()} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	hostKey, err := p.makeHostKey()
	if err != nil {
		return fmt.Errorf("host key: %w", err)
	}
	ln, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	defer ln.Close()

	now := time.Now()
	addr := ln.Addr().(*net.TCPAddr)
	err = p.writeBirth(birth{
		Run: p.run, Name: p.name(), Index: p.index,
		Address: addr.IP.String(), Port: addr.Port, User: userName(),
		HostKey: hostKey, UserKey: spec.UserKey,
		Launched: now, Expires: now.Add(spec.TTL), Generation: generation,
	})
	if err != nil {
		return err
	}
	lock, err := p.take()
	if err != nil {
		return err
	}
	defer lock.Close()
	return p.start(ln, lock)
}

// makeHostKey writes the private key and returns the public one in authorized_keys form.
func (p place) makeHostKey() (string, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return "", err
	}
	block, err := ssh.MarshalPrivateKey(private, p.name())
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(p.file("hostkey"), pem.EncodeToMemory(block), 0o600); err != nil {
		return "", err
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))), nil
}

// start makes the child and the one goroutine that awaits it, for as long as both live.
func (p place) start(ln *net.TCPListener, lock *os.File) error {
	executable, err := self()
	if err != nil {
		return err
	}
	socket, err := ln.File()
	if err != nil {
		return err
	}
	defer socket.Close()
	console, err := os.OpenFile(p.file("console.log"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
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
		return err
	}
	go cmd.Wait()
	return nil
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
