package remote_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/lab"
	"github.com/gofab/gofab/internal/remote"
	"github.com/gofab/gofab/internal/sshd"
	"github.com/gofab/gofab/runner"
)

func TestMain(m *testing.M) {
	if os.Getenv("GOFAB_TEST_CONTROLLER") != "" {
		controller()
		return
	}
	if os.Getenv(fewFilesEnv) != "" {
		fewFiles()
		return
	}
	if os.Getenv(filesHostEnv) != "" {
		filesHost()
		return
	}
	if lab.IsSimulation() {
		return
	}
	flag.Parse()
	flag.Set("test.parallel", "8") // they mostly wait
	status := m.Run()
	os.RemoveAll(userKeyDir)
	os.Exit(status)
}

// order is what a controller process is told, on its standard input.
type order struct {
	Machines []cloud.Machine // nobody: the command runs on the controller
	Command  runner.Command
}

// controller is a gofab for tests to kill.
func controller() {
	var o order
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		panic(err)
	}
	if len(o.Machines) == 0 {
		remote.Here(context.Background(), o.Command, os.Stdout, os.Stderr)
		return
	}
	var dialer remote.Dialer
	runner.Each(context.Background(), len(o.Machines), 0, func(ctx context.Context, i int) {
		c, err := dialer.Dial(ctx, o.Machines[i])
		if err != nil {
			panic(err)
		}
		c.Exec(ctx, o.Command, os.Stdout, os.Stderr)
	})
}

// startController runs a controller until the process is killed by the function it returns.
func startController(t *testing.T, o order) (kill func()) {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GOFAB_TEST_CONTROLLER=1")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(text), os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	t.Cleanup(kill)
	return kill
}

// host is an SSH server in this process.
type host struct {
	*sshd.Server
	machine cloud.Machine
	addr    string
	stop    func()
}

// shell is what a host's commands run under.
type shell struct {
	path string
	env  []string
}

// shells are those that machines have; the sshd tag adds busybox.
var shells = map[string]func(*testing.T) shell{}

func init() {
	for _, name := range []string{"dash", "bash"} {
		if path, err := exec.LookPath(name); err == nil {
			shells[name] = func(*testing.T) shell { return shell{path, []string{"PATH=" + os.Getenv("PATH")}} }
		}
	}
}

// onShells runs a test on a host for each shell.
func onShells(t *testing.T, test func(t *testing.T, h *host, c runner.Conn)) {
	for name, sh := range shells {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := serveShell(t, sh(t))
			test(t, h, h.dial(t))
		})
	}
}

func serve(t *testing.T) *host {
	t.Helper()
	return serveShell(t, shell{"/bin/sh", []string{"PATH=" + os.Getenv("PATH")}})
}

// serveShell starts a host. When the test ends, none of its commands may be left.
func serveShell(t *testing.T, sh shell) *host {
	t.Helper()
	dir := t.TempDir()
	public, err := os.ReadFile(userKey(t) + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	authorized, _, _, _, err := ssh.ParseAuthorizedKey(public)
	if err != nil {
		t.Fatal(err)
	}
	hostKey := newSigner(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &host{addr: listener.Addr().String(), Server: &sshd.Server{
		HostKey: hostKey, Authorized: []ssh.PublicKey{authorized}, Shell: sh.path, Home: dir,
		Env: append([]string{"HOME=" + dir}, sh.env...),
	}}
	h.machine = cloud.Machine{
		Name: "host", Address: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, User: "somebody",
		HostKey: string(ssh.MarshalAuthorizedKey(hostKey.PublicKey())), Login: cloud.Login{KeyFile: userKey(t)},
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- h.Serve(ctx, listener) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() {
		h.stop()
		lab.Eventually(t, 20*time.Second, "the host's commands end", func() bool { return len(h.Commands()) == 0 })
	})
	return h
}

var (
	userKeyOnce sync.Once
	userKeyDir  string
)

// userKey is the private key that hosts let in.
func userKey(t *testing.T) string {
	userKeyOnce.Do(func() {
		var err error
		if userKeyDir, err = os.MkdirTemp("", "gofab-remote-"); err != nil {
			t.Fatal(err)
		}
		lab.NewKey(t, userKeyDir+"/key")
	})
	return userKeyDir + "/key"
}

func newSigner(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func (h *host) dial(t *testing.T) runner.Conn { return dial(t, &remote.Dialer{}, h.machine) }

func dial(t *testing.T, d *remote.Dialer, m cloud.Machine) runner.Conn {
	t.Helper()
	c, err := d.Dial(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// over is the same machine behind a relay.
func over(link *lab.Link, m cloud.Machine) cloud.Machine {
	m.Address, m.Port = "127.0.0.1", link.Port()
	return m
}

// output runs a command and gives all that came of it in one line.
func output(t *testing.T, c runner.Conn, cmd runner.Command) string {
	t.Helper()
	var out, errOut bytes.Buffer
	status, err := c.Exec(t.Context(), cmd, &out, &errOut)
	return fmt.Sprintf("%d|%s|%s|%v", status, out.String(), errOut.String(), err)
}

// task is a command that is marked and under way.
type task struct {
	mark   string
	cancel context.CancelCauseFunc
	done   chan struct{}
	out    lines
	err    error // after done
}

var errStop = errors.New("the test wants it to stop")

// begin runs text and waits until it has said "ready".
func begin(t *testing.T, exec execFunc, cmd runner.Command) *task {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	k := &task{mark: rand.Text(), cancel: cancel, done: make(chan struct{})}
	cmd.Env = map[string]string{"MARK": k.mark}
	go func() {
		_, k.err = exec(ctx, cmd, &k.out, &k.out)
		close(k.done)
	}()
	t.Cleanup(func() {
		cancel(nil)
		<-k.done
	})
	lab.Eventually(t, 20*time.Second, "the task is ready: "+cmd.Text, func() bool { return k.out.has("ready") })
	return k
}

type execFunc func(context.Context, runner.Command, io.Writer, io.Writer) (int, error)

// stop cancels and waits for the end, which leaves nothing; it says how long that took.
func (k *task) stop(t *testing.T, within time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	k.cancel(errStop)
	k.wait(t, within)
	took := time.Since(began)
	if !errors.Is(k.err, errStop) {
		t.Errorf("error %v", k.err)
	}
	if left := lab.Marked(k.mark); len(left) > 0 {
		lab.Gone(t, k.mark, 0) // for its message
	}
	return took
}

func (k *task) wait(t *testing.T, within time.Duration) {
	t.Helper()
	select {
	case <-k.done:
	case <-time.After(within):
		t.Fatalf("the command has not returned within %v", within)
	}
}

// lines is output that may be looked at while it comes.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) has(what string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.text.Bytes(), []byte(what))
}

func unreachable(t *testing.T, err error) *runner.UnreachableError {
	t.Helper()
	var u *runner.UnreachableError
	if !errors.As(err, &u) {
		t.Fatalf("%v (%T) is no *UnreachableError", err, err)
	}
	return u
}
