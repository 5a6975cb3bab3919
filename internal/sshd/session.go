package sshd

import (
	"cmp"
	"context"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// maxEnv bounds the variables that a client may set.
const maxEnv = 1000

// session is one channel: some env requests, then one exec, shell or subsystem.
type session struct {
	server  *Server
	ch      ssh.Channel
	env     []string
	command *command // set by exec and shell
	busy    bool     // exec, shell or subsystem came
	work    sync.WaitGroup
}

// serveSession serves one channel until it is closed. ctx ends with the connection.
func (s *Server) serveSession(ctx context.Context, newChannel ssh.NewChannel) {
	ch, requests, err := newChannel.Accept()
	if err != nil {
		return
	}
	defer ch.Close()
	one := &session{server: s, ch: ch}
	for req := range requests {
		one.handle(ctx, req)
	}
	if one.command != nil {
		one.command.hangUp()
	}
	one.work.Wait()
}

func (s *session) handle(ctx context.Context, req *ssh.Request) {
	switch req.Type {
	case "env":
		var kv struct{ Name, Value string }
		ok := ssh.Unmarshal(req.Payload, &kv) == nil && !s.busy && len(s.env) < maxEnv
		if ok {
			s.env = append(s.env, kv.Name+"="+kv.Value)
		}
		req.Reply(ok, nil)
	case "exec":
		var exec struct{ Text string }
		if s.busy || ssh.Unmarshal(req.Payload, &exec) != nil {
			req.Reply(false, nil)
			return
		}
		shell := s.shell()
		s.start(ctx, req, shell, []string{filepath.Base(shell), "-c", exec.Text}, exec.Text)
	case "shell":
		if s.busy {
			req.Reply(false, nil)
			return
		}
		shell := s.shell()
		s.start(ctx, req, shell, []string{"-" + filepath.Base(shell)}, "(login shell)")
	case "subsystem":
		var subsystem struct{ Name string }
		if s.busy || ssh.Unmarshal(req.Payload, &subsystem) != nil || subsystem.Name != "sftp" {
			req.Reply(false, nil)
			return
		}
		s.sftp(req)
	case "signal":
		var signal struct{ Name string }
		ok := ssh.Unmarshal(req.Payload, &signal) == nil && s.command != nil && s.command.signal(signal.Name)
		req.Reply(ok, nil)
	default: // pty-req, x11-req, auth-agent-req@openssh.com, …
		req.Reply(false, nil)
	}
}

// start runs a command on the channel. The reply goes out before the first byte of output.
func (s *session) start(ctx context.Context, req *ssh.Request, path string, args []string, label string) {
	s.busy = true
	command, err := s.server.start(path, args, s.env)
	if err != nil {
		s.server.log("Session: %s: %v", abbreviate(label), err)
		req.Reply(false, nil)
		return
	}
	s.server.log("Session: command %d started: %s", command.pid, abbreviate(label))
	s.command = command
	req.Reply(true, nil)

	// A connection that is gone takes stdin away at once, even from a command that never
	// reads. A channel that is closed does not: what the client had sent is still delivered.
	stop := context.AfterFunc(ctx, func() { command.stdin.Close() })
	s.work.Go(func() {
		command.feed(s.ch)
		stop()
	})
	s.work.Go(func() { command.relay(s.ch) })
}

// sftp serves files on the channel, relative to Home.
func (s *session) sftp(req *ssh.Request) {
	s.busy = true
	var options []sftp.ServerOption
	if wd, err := os.Getwd(); err != nil || wd != s.server.Home {
		// It would make relative symbolic links absolute, so it is better to serve from there.
		options = append(options, sftp.WithServerWorkingDirectory(s.server.Home))
	}
	server, err := sftp.NewServer(s.ch, options...)
	if err != nil {
		s.server.log("Session: sftp: %v", err)
		req.Reply(false, nil)
		return
	}
	req.Reply(true, nil)
	s.work.Go(func() {
		s.server.log("Session: sftp opened")
		err := server.Serve()
		if err != nil && err != io.EOF {
			s.server.log("Session: sftp: %v", err)
		}
		s.server.log("Session: sftp closed")
		reportExit(s.ch, 0)
		s.ch.Close()
	})
}

func (s *session) shell() string { return cmp.Or(s.server.Shell, "/bin/sh") }

// report tells the client how a command ended (RFC 4254, 6.10).
func report(ch ssh.Channel, status syscall.WaitStatus) {
	if !status.Signaled() {
		reportExit(ch, status.ExitStatus())
		return
	}
	ch.SendRequest("exit-signal", false, ssh.Marshal(struct {
		Signal     string
		CoreDumped bool
		Message    string
		Language   string
	}{signalName(status.Signal()), status.CoreDump(), "", ""}))
}

func reportExit(ch ssh.Channel, code int) {
	ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{uint32(code)}))
}
