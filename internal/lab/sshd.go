package lab

import (
	"bytes"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/cloud"
)

// User is an ordinary user that Sshd makes when it is missing, and leaves.
const User = "gofab-lab"

// Servers are OpenSSH's sshd, one process for each address, that let in root and User.
type Servers struct {
	KeyFile    string // of the user
	KnownHosts string
	HostKey    string // public, in authorized_keys form
	addrs      []*net.TCPAddr
	dir        string
	apart      bool
}

// Sshd starts n servers with sshd's own defaults, changed by lines of sshd_config, until the end of
// the test. It needs root and /usr/sbin/sshd.
func Sshd(t testing.TB, n int, lines ...string) *Servers {
	t.Helper()
	return sshd(t, n, false, lines)
}

// SshdApart is Sshd whose servers do not see each other's processes, as those of real hosts do not.
func SshdApart(t testing.TB, n int, lines ...string) *Servers {
	t.Helper()
	return sshd(t, n, true, lines)
}

func sshd(t testing.TB, n int, apart bool, lines []string) *Servers {
	t.Helper()
	must(t, addUser())
	must(t, os.MkdirAll("/run/sshd", 0o755))
	dir, err := os.MkdirTemp("", "gofab-lab-") // not t.TempDir: sshd reads the keys as the user that logs in
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	s := &Servers{dir: dir, apart: apart, KeyFile: filepath.Join(dir, "key"), KnownHosts: filepath.Join(dir, "known_hosts")}
	public := NewKey(t, s.KeyFile)
	must(t, os.WriteFile(filepath.Join(dir, "authorized_keys"), []byte(public), 0o644))
	s.HostKey = NewKey(t, filepath.Join(dir, "host_key"))
	config := append([]string{
		"HostKey " + filepath.Join(dir, "host_key"),
		"AuthorizedKeysFile " + filepath.Join(dir, "authorized_keys") + " .ssh/authorized_keys",
		"AllowUsers root " + User,
		"PermitRootLogin prohibit-password",
		"StrictModes no", // /tmp is everybody's
		"UsePAM no",
		"UseDNS no",
		"PrintMotd no",
		"PrintLastLog no",
		"PidFile none",
		"Subsystem sftp internal-sftp",
	}, lines...)
	must(t, os.WriteFile(filepath.Join(dir, "sshd_config"), []byte(strings.Join(config, "\n")+"\n"), 0o644))
	for range n {
		s.start(t)
	}
	var known strings.Builder
	for _, a := range s.addrs {
		fmt.Fprintf(&known, "[%s]:%d %s", a.IP, a.Port, s.HostKey)
	}
	must(t, os.WriteFile(s.KnownHosts, []byte(known.String()), 0o600))
	return s
}

// Machines are the servers as somebody who logs in as user has them in an inventory.
func (s *Servers) Machines(user string) []cloud.Machine {
	var machines []cloud.Machine
	for i, a := range s.addrs {
		machines = append(machines, cloud.Machine{
			ID: a.String(), Name: fmt.Sprintf("sshd%d", i), Address: a.IP.String(), Port: a.Port, User: user,
			Login: cloud.Login{KeyFile: s.KeyFile, KnownHosts: s.KnownHosts},
		})
	}
	return machines
}

// Addr is where server i listens.
func (s *Servers) Addr(i int) string { return s.addrs[i].String() }

// start runs one more server and waits until it speaks.
func (s *Servers) start(t testing.TB) {
	t.Helper()
	for try := range 5 { // somebody else may take the port
		a := &net.TCPAddr{IP: net.IPv4(127, 0, byte(1+rand.N(250)), byte(1+rand.N(250)))}
		probe, err := net.ListenTCP("tcp", a)
		must(t, err)
		a.Port = probe.Addr().(*net.TCPAddr).Port
		probe.Close()
		var log Buffer
		line := []string{"/usr/sbin/sshd", "-D", "-e", "-f", filepath.Join(s.dir, "sshd_config"), "-o", "ListenAddress=" + a.String()}
		if s.apart {
			line = append([]string{"unshare", "--pid", "--fork", "--kill-child", "--mount-proc"}, line...)
		}
		cmd := exec.Command(line[0], line[1:]...)
		cmd.Stderr = &log
		must(t, cmd.Start())
		ended := make(chan struct{})
		go func() { cmd.Wait(); close(ended) }()
		t.Cleanup(func() { end(cmd.Process.Pid, ended) })
		if speaks(a.String(), ended) {
			s.addrs = append(s.addrs, a)
			return
		}
		t.Logf("sshd on %s, try %d: %s", a, try+1, log.String())
	}
	t.Fatal("sshd does not start")
}

func speaks(addr string, ended <-chan struct{}) bool {
	for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		select {
		case <-ended:
			return false
		default:
		}
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			continue
		}
		c.SetDeadline(time.Now().Add(5 * time.Second))
		_, err = c.Read(make([]byte, 4))
		c.Close()
		if err == nil {
			return true
		}
	}
	return false
}

// end kills a server with what it has forked for its connections.
func end(pid int, ended <-chan struct{}) {
	for _, child := range children(pid) {
		syscall.Kill(child, syscall.SIGKILL)
	}
	syscall.Kill(pid, syscall.SIGKILL)
	<-ended
}

// children are the descendants of a process that are sshd, too: not what people run there, which
// is for tests to end.
func children(pid int) []int {
	var found []int
	list, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, word := range strings.Fields(string(list)) {
		child, _ := strconv.Atoi(word)
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", child))
		if strings.HasPrefix(string(name), "sshd") {
			found = append(append(found, children(child)...), child)
		}
	}
	return found
}

// NewKey writes a private key to file and its public half to file.pub, and returns that.
func NewKey(t testing.TB, file string) string {
	t.Helper()
	signer, err := writeKey(file)
	must(t, err)
	return string(ssh.MarshalAuthorizedKey(signer.PublicKey()))
}

func writeKey(file string) (ssh.Signer, error) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil, err
	}
	return signer, os.WriteFile(file+".pub", ssh.MarshalAuthorizedKey(signer.PublicKey()), 0o644)
}

func addUser() error {
	if _, err := user.Lookup(User); err == nil {
		return nil
	}
	if out, err := exec.Command("useradd", "-m", "-s", "/bin/sh", User).CombinedOutput(); err != nil {
		if _, err := user.Lookup(User); err == nil { // another test was faster
			return nil
		}
		return fmt.Errorf("useradd: %s", out)
	}
	// Without PAM, sshd refuses an account that is locked, which ! means and * does not.
	if out, err := exec.Command("usermod", "-p", "*", User).CombinedOutput(); err != nil {
		return fmt.Errorf("usermod: %s", out)
	}
	return nil
}

// Buffer is safe to read while a process writes to it.
type Buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
