package sshd

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// lab is a running server and a client of it.
type lab struct {
	*ssh.Client
	server *Server
	addr   string
	config *ssh.ClientConfig
	stop   func() // ends Serve and awaits it
}

// start runs a server for the test. At its end all commands must have ended, and no goroutine
// may be left.
func start(t *testing.T) *lab {
	t.Helper()
	before := runtime.NumGoroutine()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{
		server: &Server{
			HostKey: signer, Authorized: []ssh.PublicKey{signer.PublicKey()}, Home: t.TempDir(),
			Env: []string{"PATH=" + os.Getenv("PATH"), "GREETING=hello"},
		},
		addr: ln.Addr().String(),
		config: &ssh.ClientConfig{
			User: "somebody", Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
			HostKeyCallback: ssh.FixedHostKey(signer.PublicKey()), Timeout: 10 * time.Second,
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- l.server.Serve(ctx, ln) }()
	l.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	l.Client = l.dial(t)
	t.Cleanup(func() {
		l.Close()
		l.stop()
		eventually(t, "commands end", func() bool { return len(l.server.Commands()) == 0 })
		eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before })
	})
	return l
}

func (l *lab) dial(t *testing.T) *ssh.Client {
	t.Helper()
	client, err := ssh.Dial("tcp", l.addr, l.config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (l *lab) session(t *testing.T) *ssh.Session {
	t.Helper()
	s, err := l.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("waited in vain: %s\n%s", what, buf[:runtime.Stack(buf, true)])
		}
	}
}

func TestExec(t *testing.T) {
	l := start(t)
	for command, want := range map[string]string{
		"echo out; echo err >&2; exit 3": "out|err|Process exited with status 3",
		"pwd":                            l.server.Home + "||<nil>",
		"echo $GREETING":                 "hello||<nil>",
		"echo $EXTRA":                    "it's \"x\" $y||<nil>",
		"kill -TERM $$":                  "||Process exited with status 143 from signal TERM",
		"kill -9 $$":                     "||Process exited with status 137 from signal KILL",
		`[ $(ps -o sid= -p $$) = $$ ] && echo leader`: "leader||<nil>",
		"tty":                "not a tty||Process exited with status 1",
		"wc -c":              "12||<nil>",
		"cat >/dev/null; :":  "||<nil>",
		"exec <&-; sleep .1": "||<nil>",
	} {
		s := l.session(t)
		if err := s.Setenv("EXTRA", `it's "x" $y`); err != nil {
			t.Errorf("setenv: %v", err)
		}
		var out, errOut bytes.Buffer
		s.Stdout, s.Stderr = &out, &errOut
		if strings.Contains(command, "wc") { // for others, the client may find the channel closed before it has written
			s.Stdin = strings.NewReader("twelve bytes")
		}
		err := s.Run(command)
		if got := strings.TrimSpace(out.String()) + "|" + strings.TrimSpace(errOut.String()) + "|" + fmt.Sprint(err); got != want {
			t.Errorf("%s:\n got %s\nwant %s", command, got, want)
		}
	}
}

func TestShell(t *testing.T) {
	s := start(t).session(t)
	var out bytes.Buffer
	s.Stdin, s.Stdout = strings.NewReader("echo one\necho $((1+1))\nexit 4\n"), &out
	if err := s.Shell(); err != nil {
		t.Fatal(err)
	}
	var exit *ssh.ExitError
	if err := s.Wait(); !errors.As(err, &exit) || exit.ExitStatus() != 4 || out.String() != "one\n2\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestSignalReachesTheGroup(t *testing.T) {
	s := start(t).session(t)
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("sleep 1000 & echo ready; wait; sleep 1000"); err != nil {
		t.Fatal(err)
	}
	io.ReadFull(out, make([]byte, len("ready\n")))
	if err := s.Signal(ssh.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var exit *ssh.ExitError
	if err := s.Wait(); !errors.As(err, &exit) || exit.Signal() != "TERM" {
		t.Errorf("%v", err)
	}
}

// A channel or connection that closes takes stdin away and kills nothing: what gofab's remote
// supervisor is built on.
func TestHangUp(t *testing.T) {
	for name, hangUp := range map[string]func(*ssh.Client, *ssh.Session){
		"session":    func(_ *ssh.Client, s *ssh.Session) { s.Close() },
		"connection": func(c *ssh.Client, _ *ssh.Session) { c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			l := start(t)
			client := l.dial(t)
			defer client.Close()
			s, err := client.NewSession()
			if err != nil {
				t.Fatal(err)
			}
			stdin, _ := s.StdinPipe()
			out, _ := s.StdoutPipe()
			if err := s.Start(`trap "" HUP PIPE; echo ready; cat >all; echo end >ended; sleep 1000 & echo $! >.pid; mv .pid pid; wait`); err != nil {
				t.Fatal(err)
			}
			io.ReadFull(out, make([]byte, len("ready\n")))
			io.WriteString(stdin, "last words")
			hangUp(client, s)
			var pid int
			eventually(t, "the command sees the end of its stdin and lives on", func() bool {
				text, _ := os.ReadFile(filepath.Join(l.server.Home, "pid"))
				_, err := fmt.Sscan(string(text), &pid)
				return err == nil
			})
			if all, _ := os.ReadFile(filepath.Join(l.server.Home, "all")); name == "session" && string(all) != "last words" {
				t.Errorf("stdin was %q", all)
			}
			if len(l.server.Commands()) != 1 {
				t.Errorf("commands %v", l.server.Commands())
			}
			syscall.Kill(-l.server.Commands()[0], syscall.SIGKILL)
		})
	}
}

// A command that never reads its stdin does not keep a connection, nor Serve.
func TestUnreadInput(t *testing.T) {
	l := start(t)
	client := l.dial(t)
	s, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	stdin, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("sleep 1000"); err != nil {
		t.Fatal(err)
	}
	var written atomic.Int64
	var work sync.WaitGroup
	work.Go(func() {
		for err == nil {
			var n int
			n, err = stdin.Write(make([]byte, 1<<16))
			written.Add(int64(n))
		}
	})
	eventually(t, "the pipe is full", func() bool { return written.Load() > 1<<20 })
	client.Close()
	l.stop()
	work.Wait()
	syscall.Kill(-l.server.Commands()[0], syscall.SIGKILL)
}

func TestBackgroundKeepsTheChannelOpen(t *testing.T) {
	s := start(t).session(t)
	if out, err := s.Output("(sleep .3; echo late) & echo early"); err != nil || string(out) != "early\nlate\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestRefusals(t *testing.T) {
	l := start(t)
	s := l.session(t)
	if err := s.RequestPty("xterm", 24, 80, nil); err == nil {
		t.Error("a terminal was granted")
	}
	if err := s.RequestSubsystem("netconf"); err == nil {
		t.Error("an unknown subsystem was granted")
	}
	if out, err := s.Output("echo still here"); err != nil || string(out) != "still here\n" {
		t.Errorf("after refusals: %q, %v", out, err)
	}
	if ok, _, err := l.SendRequest("keepalive@openssh.com", true, nil); ok || err != nil {
		t.Errorf("keepalive: %v, %v", ok, err)
	}
	if _, err := l.Dial("tcp", "127.0.0.1:1"); err == nil {
		t.Error("a connection was forwarded")
	}
	if _, err := l.Listen("tcp", "127.0.0.1:0"); err == nil {
		t.Error("a port was forwarded")
	}
	config := *l.config
	_, private, _ := ed25519.GenerateKey(nil)
	stranger, _ := ssh.NewSignerFromKey(private)
	config.Auth = []ssh.AuthMethod{ssh.PublicKeys(stranger), ssh.Password("")}
	if client, err := ssh.Dial("tcp", l.addr, &config); err == nil {
		client.Close()
		t.Error("a stranger logged in")
	}
}

func TestSFTP(t *testing.T) {
	l := start(t)
	client, err := sftp.NewClient(l.Client, sftp.UseConcurrentWrites(true))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if wd, err := client.Getwd(); err != nil || wd != l.server.Home {
		t.Errorf("working directory %q, %v", wd, err)
	}
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB
	f, err := client.Create("ünï \"x\"")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadFrom(bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(l.server.Home, "ünï \"x\"")); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes arrived, %v", len(got), err)
	}
}

// Many sessions and connections at once, each with output of its own; every byte arrives.
func TestMany(t *testing.T) {
	l := start(t)
	var work sync.WaitGroup
	for i := range 8 {
		client := l.dial(t)
		defer client.Close()
		for j := range 8 {
			work.Go(func() {
				s, err := client.NewSession()
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				out, err := s.Output(fmt.Sprintf("head -c 200000 /dev/zero; echo %d-%d", i, j))
				if want := fmt.Sprintf("%d-%d\n", i, j); err != nil || len(out) != 200000+len(want) || !strings.HasSuffix(string(out), want) {
					t.Errorf("%d bytes, %v", len(out), err)
				}
			})
		}
	}
	work.Wait()
}

func TestOutputRate(t *testing.T) {
	l := start(t)
	const streams, size = 4, 32 << 20
	began := time.Now()
	var work sync.WaitGroup
	for range streams {
		s := l.session(t)
		out, _ := s.StdoutPipe()
		if err := s.Start(fmt.Sprintf("head -c %d /dev/zero", size)); err != nil {
			t.Fatal(err)
		}
		work.Go(func() {
			if n, err := io.Copy(io.Discard, out); n != size || err != nil {
				t.Errorf("%d bytes, %v", n, err)
			}
		})
	}
	work.Wait()
	t.Logf("%.0f MB/s", streams*size/1e6/time.Since(began).Seconds())
}
