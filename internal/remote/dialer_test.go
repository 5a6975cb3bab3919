package remote_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/lab"
	"github.com/gofab/gofab/internal/remote"
	"github.com/gofab/gofab/runner"
)

// serveSSH is a machine with a server of the test's own making. session gets each channel once its
// first request is granted.
func serveSSH(t *testing.T, config *ssh.ServerConfig, session func(ssh.Channel)) cloud.Machine {
	t.Helper()
	hostKey := newSigner(t)
	config.AddHostKey(hostKey)
	m := serveTCP(t, func(c net.Conn) {
		conn, channels, requests, err := ssh.NewServerConn(c, config)
		if err != nil {
			return
		}
		defer conn.Close()
		go ssh.DiscardRequests(requests)
		for channel := range channels {
			ch, requests, err := channel.Accept()
			if err != nil {
				return
			}
			go func() {
				for r := range requests {
					r.Reply(true, nil)
				}
			}()
			session(ch)
		}
	})
	m.HostKey = string(ssh.MarshalAuthorizedKey(hostKey.PublicKey()))
	return m
}

// serveTCP is a machine whose port is answered by serve.
func serveTCP(t *testing.T, serve func(net.Conn)) cloud.Machine {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
	return cloud.Machine{
		Name: "host", Address: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, User: "somebody",
		Login: cloud.Login{KeyFile: userKey(t), KnownHosts: filepath.Join(t.TempDir(), "known_hosts")},
	}
}

// lingers connects and does not log in.
func lingers(t *testing.T, addr string) {
	t.Helper()
	lab.Eventually(t, soon, "sshd begins to speak", func() bool { // it may refuse: "Exceeded MaxStartups"
		c, err := net.Dial("tcp", addr)
		check(t, err)
		t.Cleanup(func() { c.Close() })
		said := make([]byte, 4)
		io.ReadFull(c, said)
		return string(said) == "SSH-"
	})
}

// Each way to be kept out says what happened, where, and what to do.
func TestDialErrors(t *testing.T) {
	t.Parallel()
	h := serve(t)
	home := t.TempDir()
	locked := filepath.Join(home, "locked")
	lockedKey(t, locked)
	lab.NewKey(t, home+"/other")
	check(t, os.WriteFile(home+"/nonsense", []byte("nonsense"), 0o600))
	refuses := serveTCP(t, func(net.Conn) {})
	refuses.Port = freePort(t)
	with := func(m cloud.Machine, change func(*cloud.Machine)) cloud.Machine {
		change(&m)
		return m
	}
	addr := h.addr
	for name, test := range map[string]struct {
		m            cloud.Machine
		what, remedy string
		final, again bool
	}{
		"refused": {m: refuses, what: "connect to ADDR: connection refused", remedy: "is sshd running there, and on this port?"},
		"never speaks": {
			m:      serveTCP(t, func(c net.Conn) { io.Copy(io.Discard, c) }),
			what:   "connect to ADDR: it accepts the connection but said nothing for 1s",
			remedy: "is it still booting, or is something other than sshd on this port?",
		},
		"stops in the middle": {
			m: serveTCP(t, func(c net.Conn) {
				fmt.Fprint(c, "SSH-2.0-sleepy\r\n")
				io.Copy(io.Discard, c)
			}),
			what: "connect to ADDR: the login was not complete after 1s", remedy: "is the host overloaded, or the network?",
		},
		"speaks HTTP": {
			m: serveTCP(t, func(c net.Conn) {
				c.Read(make([]byte, 100))
				fmt.Fprint(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			}),
			what: `connect to ADDR: it does not speak SSH: it says "HTTP/1.1 400 Bad Request\r\n\r\n"`, remedy: "is sshd on another port?",
		},
		"speaks garbage": {
			m:    serveTCP(t, func(c net.Conn) { c.Write(random(1000)); io.Copy(io.Discard, c) }),
			what: "connect to ADDR: it does not speak SSH: it says \"", remedy: "is sshd on another port?",
		},
		"hangs up": {
			m:      serveTCP(t, func(net.Conn) {}),
			what:   "connect to ADDR: the host closed the connection before the login",
			remedy: "a busy sshd does this (MaxStartups), and so does one that bans addresses", again: true,
		},
		"sheds load": {
			m:      serveTCP(t, func(c net.Conn) { fmt.Fprint(c, "Exceeded MaxStartups\r\n") }),
			what:   "connect to ADDR: the host closed the connection before the login",
			remedy: "a busy sshd does this (MaxStartups), and so does one that bans addresses", again: true,
		},
		"another machine": {
			m:    with(h.machine, func(m *cloud.Machine) { m.HostKey = serveSSH(t, &ssh.ServerConfig{}, nil).HostKey }),
			what: "connect to ADDR: its host key is SHA256:", remedy: "do not use this machine: scram the run and start again", final: true,
		},
		"no such name": {
			m:    with(h.machine, func(m *cloud.Machine) { m.Address = "no-such-host.invalid" }),
			what: "connect to no-such-host.invalid:PORT: ", remedy: "",
		},
		"wrong key": {
			m:    with(h.machine, func(m *cloud.Machine) { m.Login.KeyFile = home + "/other" }),
			what: "log in to ADDR as somebody: permission denied", final: true,
			remedy: "check the user name, and that one of your keys is in the host's authorized_keys (tried: " + home + "/other)",
		},
		"wrong password": {
			m:    with(h.machine, func(m *cloud.Machine) { m.Login.Password = "sesame" }),
			what: "log in to ADDR as somebody: permission denied", final: true,
			remedy: "check the user name, and that one of your keys is in the host's authorized_keys (tried: " + userKey(t) + ", a password)",
		},
		"no key file": {
			m:    with(h.machine, func(m *cloud.Machine) { m.Login.KeyFile = home + "/missing" }),
			what: "read key " + home + "/missing: no such file or directory", remedy: "name a readable key with key=… or start ssh-agent", final: true,
		},
		"no key in it": {
			m:    with(h.machine, func(m *cloud.Machine) { m.Login.KeyFile = home + "/nonsense" }),
			what: "read key " + home + "/nonsense: ssh: no key found", remedy: "name a readable key with key=… or start ssh-agent", final: true,
		},
		"locked key": {
			m:    with(h.machine, func(m *cloud.Machine) { m.Login.KeyFile = locked }),
			what: "key " + locked + " is locked with a passphrase: unlock it with ssh-add", remedy: "name a readable key with key=… or start ssh-agent", final: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "wrong password" {
				// internal/sshd asks for none.
				config := &ssh.ServerConfig{
					PasswordCallback:  func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, errors.New("no") },
					PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, errors.New("no") },
				}
				test.m = serveSSH(t, config, nil)
				test.m.Login.Password = "sesame"
			}
			addr := addr
			if test.m.Port != h.machine.Port {
				addr = fmt.Sprintf("127.0.0.1:%d", test.m.Port)
			}
			began := time.Now()
			_, err := (&remote.Dialer{ConnectTimeout: time.Second}).Dial(t.Context(), test.m)
			u := unreachable(t, err)
			what := strings.NewReplacer("ADDR", addr, "PORT", fmt.Sprint(test.m.Port)).Replace(test.what)
			if !strings.HasPrefix(u.Error(), what) || !strings.HasPrefix(u.Remedy, test.remedy) || u.Remedy == "" || u.Final != test.final || u.Again != test.again {
				t.Errorf("got  %s; %s (final %v, again %v)\nwant %s; %s", u, u.Remedy, u.Final, u.Again, what, test.remedy)
			}
			if strings.Contains(u.Error()+u.Remedy, "sesame") {
				t.Error("the password shows")
			}
			if took := time.Since(began); took > soon {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func lockedKey(t *testing.T, file string) {
	t.Helper()
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "sesame", "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
}

func TestDialCancelled(t *testing.T) {
	t.Parallel()
	heard := make(chan struct{})
	m := serveTCP(t, func(c net.Conn) {
		c.Read(make([]byte, 100))
		close(heard)
		io.Copy(io.Discard, c)
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-heard
		cancel(errStop)
	}()
	if _, err := (&remote.Dialer{}).Dial(ctx, m); !errors.Is(err, errStop) {
		t.Error(err)
	}
	if _, err := (&remote.Dialer{}).Dial(ctx, m); !errors.Is(err, errStop) {
		t.Error(err)
	}
}

func TestKnownHosts(t *testing.T) {
	t.Parallel()
	h := serve(t)
	m := h.machine
	m.HostKey = ""
	m.Login.KnownHosts = filepath.Join(t.TempDir(), "new", "known_hosts")
	try := func(want string) {
		t.Helper()
		c, err := (&remote.Dialer{}).Dial(t.Context(), m)
		got := ""
		if err == nil {
			c.Close()
		} else {
			u := unreachable(t, err)
			got = fmt.Sprintf("%s; %s", u, u.Remedy)
			if !u.Final {
				t.Errorf("%s: it is final", got)
			}
		}
		fingerprint := ssh.FingerprintSHA256(h.HostKey.PublicKey())
		if want = strings.NewReplacer("FP", fingerprint, "ADDR", h.addr, "FILE", m.Login.KnownHosts).Replace(want); got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	}
	try("connect to ADDR: its host key is not known (FP; no line for it in FILE); " +
		"compare the fingerprint and add the key with ssh-keyscan, or choose host_key_checking: accept-new (gofab run: --host-key-checking accept-new)")
	if _, err := os.Stat(m.Login.KnownHosts); err == nil {
		t.Error("the file was made")
	}
	m.Login.AcceptNewKey = true
	try("")
	m.Login.AcceptNewKey = false
	try("")

	// A file whose last line has no end is not spoilt; a key of another kind is no change.
	known, err := os.ReadFile(m.Login.KnownHosts)
	check(t, err)
	check(t, os.WriteFile(m.Login.KnownHosts, []byte("other.example "+h.machine.HostKey[:len(h.machine.HostKey)-1]), 0o600))
	m.Login.AcceptNewKey = true
	try("")
	if now, _ := os.ReadFile(m.Login.KnownHosts); string(now) != "other.example "+h.machine.HostKey+string(known) {
		t.Errorf("%s", now)
	}

	// accept-new does not accept a change.
	line := string(ssh.MarshalAuthorizedKey(newSigner(t).PublicKey()))
	check(t, os.WriteFile(m.Login.KnownHosts, []byte(fmt.Sprintf("[127.0.0.1]:%d %s", m.Port, line)), 0o600))
	try(fmt.Sprintf("connect to ADDR: its host key has CHANGED (now FP): another machine, or somebody in between; "+
		"if you know that the machine was made anew: ssh-keygen -f FILE -R '[127.0.0.1]:%d'", m.Port))
	if now, _ := os.ReadFile(m.Login.KnownHosts); !strings.Contains(string(now), line) || strings.Count(string(now), "\n") != 1 {
		t.Errorf("%s", now)
	}

	check(t, os.WriteFile(m.Login.KnownHosts, []byte("[127.0.0.1]:22 ssh-ed25519 nonsense\n"), 0o600))
	if _, err := (&remote.Dialer{}).Dial(t.Context(), m); !strings.HasPrefix(unreachable(t, err).Error(), "known hosts: ") {
		t.Error(err)
	}
}

// Many hosts that are met for the first time write to one file.
func TestAcceptNewTogether(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "known_hosts")
	var d remote.Dialer
	var machines []cloud.Machine
	for range 8 {
		m := serve(t).machine
		m.HostKey, m.Login.KnownHosts, m.Login.AcceptNewKey = "", file, true
		machines = append(machines, m)
	}
	runner.Each(t.Context(), len(machines), 0, func(ctx context.Context, i int) {
		if c, err := d.Dial(ctx, machines[i]); err != nil {
			t.Error(err)
		} else {
			c.Close()
		}
	})
	if text, _ := os.ReadFile(file); strings.Count(string(text), "\n") != len(machines) {
		t.Errorf("%s", text)
	}
}

func TestPassword(t *testing.T) {
	t.Parallel()
	right := func(password string) error {
		if password != "sesame" {
			return errors.New("wrong")
		}
		return nil
	}
	for name, config := range map[string]*ssh.ServerConfig{
		"password": {PasswordCallback: func(_ ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) { return nil, right(string(p)) }},
		"keyboard-interactive": {KeyboardInteractiveCallback: func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil {
				return nil, err
			}
			return nil, right(answers[0])
		}},
	} {
		m := serveSSH(t, config, nil)
		m.Login.Password = "sesame"
		dial(t, &remote.Dialer{}, m)
		m.Login.Password = ""
		dial(t, &remote.Dialer{Password: "sesame"}, m)
		m.Login.Password = "open"
		if _, err := (&remote.Dialer{Password: "sesame"}).Dial(t.Context(), m); err == nil {
			t.Errorf("%s: the wrong password works", name)
		}
	}
}

// The agent, the usual keys, and a locked key that the agent holds.
func TestAgent(t *testing.T) {
	h := serve(t)
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("SSH_AUTH_SOCK", "")
	m := h.machine
	m.Login.KeyFile = ""
	_, err := (&remote.Dialer{}).Dial(t.Context(), m)
	if u := unreachable(t, err); !strings.Contains(u.Remedy, "tried: nothing: there is no key in an agent, no usual key in ~/.ssh, no key=… and no password") {
		t.Error(u.Remedy)
	}
	// A usual key.
	key, err := os.ReadFile(userKey(t))
	check(t, err)
	check(t, os.Mkdir(home+"/.ssh", 0o700))
	check(t, os.WriteFile(home+"/.ssh/id_ed25519", key, 0o600))
	dial(t, &remote.Dialer{}, m)
	lockedKey(t, home+"/.ssh/id_ecdsa")
	lab.NewKey(t, home+"/.ssh/id_ed25519")
	_, err = (&remote.Dialer{}).Dial(t.Context(), m)
	if u := unreachable(t, err); !strings.Contains(u.Remedy, fmt.Sprintf("(tried: not %[1]s/.ssh/id_ecdsa, which is locked with a passphrase, %[1]s/.ssh/id_ed25519)", home)) &&
		!strings.Contains(u.Remedy, fmt.Sprintf("(tried: %[1]s/.ssh/id_ed25519, not %[1]s/.ssh/id_ecdsa, which is locked with a passphrase)", home)) {
		t.Error(u.Remedy)
	}
	// The agent's.
	add := startAgent(t, home)
	add(userKey(t))
	dial(t, &remote.Dialer{}, m)
	// A locked key works once the agent has it, and only that one is shown.
	locked := home + "/.ssh/id_ecdsa"
	m.Login.KeyFile = locked
	if _, err := (&remote.Dialer{}).Dial(t.Context(), m); !strings.Contains(unreachable(t, err).Error(), "unlock it with ssh-add") {
		t.Error(err)
	}
	add(locked)
	_, err = (&remote.Dialer{}).Dial(t.Context(), m)
	if u := unreachable(t, err); !strings.Contains(u.Error(), "permission denied") || !strings.Contains(u.Remedy, "(tried: "+locked+")") {
		t.Errorf("%v; %s", u, u.Remedy)
	}
	// A dead agent is as good as none.
	t.Setenv("SSH_AUTH_SOCK", home+"/nobody")
	m.Login.KeyFile = userKey(t)
	dial(t, &remote.Dialer{}, m)
}

// startAgent runs an ssh-agent, and gives what adds a key to it.
func startAgent(t *testing.T, home string) (add func(file string)) {
	t.Helper()
	socket := home + "/agent"
	agent := exec.Command("ssh-agent", "-D", "-a", socket)
	check(t, agent.Start())
	t.Cleanup(func() {
		agent.Process.Kill()
		agent.Wait()
	})
	lab.Eventually(t, 10*time.Second, "the agent listens", func() bool {
		c, err := net.Dial("unix", socket)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	t.Setenv("SSH_AUTH_SOCK", socket)
	ask := home + "/askpass"
	check(t, os.WriteFile(ask, []byte("#!/bin/sh\necho sesame\n"), 0o700))
	return func(file string) {
		cmd := exec.Command("ssh-add", "-q", file)
		cmd.Env = append(os.Environ(), "SSH_ASKPASS="+ask, "SSH_ASKPASS_REQUIRE=force", "DISPLAY=none")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ssh-add: %v: %s", err, out)
		}
	}
}
