package sshd

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/crypto/ssh"
)

// command is one process that the server started, with our ends of its three pipes.
type command struct {
	server *Server
	pid    int
	stdin  *os.File
	stdout *os.File
	stderr *os.File
	exited chan struct{}      // closed when the process was awaited
	status syscall.WaitStatus // valid once exited
	hung   chan struct{}      // closed by hangUp
}

// start runs path in a session of its own, and starts the goroutine that awaits it.
func (s *Server) start(path string, args, env []string) (*command, error) {
	var files [6]*os.File
	for i := 0; i < len(files); i += 2 {
		var err error
		if files[i], files[i+1], err = os.Pipe(); err != nil {
			closeAll(files[:])
			return nil, err
		}
	}
	cmd := &exec.Cmd{
		Path:        path,
		Args:        args,
		Env:         append(append([]string{}, s.Env...), env...),
		Dir:         s.Home,
		Stdin:       files[0],
		Stdout:      files[3],
		Stderr:      files[5],
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := s.register(cmd); err != nil {
		closeAll(files[:])
		return nil, err
	}
	closeAll([]*os.File{files[0], files[3], files[5]})
	c := &command{
		server: s, pid: cmd.Process.Pid,
		stdin: files[1], stdout: files[2], stderr: files[4],
		exited: make(chan struct{}), hung: make(chan struct{}),
	}
	go c.await(cmd)
	return c, nil
}

// register starts cmd under the lock, so that whoever finds it among our children finds it in
// Commands too.
func (s *Server) register(cmd *exec.Cmd) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	if s.commands == nil {
		s.commands = map[int]struct{}{}
	}
	s.commands[cmd.Process.Pid] = struct{}{}
	return nil
}

// await collects the exit status. It ends with the process, not with the connection.
func (c *command) await(cmd *exec.Cmd) {
	err := cmd.Wait()
	c.server.mu.Lock()
	delete(c.server.commands, c.pid)
	c.server.mu.Unlock()
	if cmd.ProcessState == nil {
		c.server.log("Session: command %d: %v", c.pid, err)
		c.status = 255 << 8
	} else {
		c.status = cmd.ProcessState.Sys().(syscall.WaitStatus)
		c.server.log("Session: command %d ended: %s", c.pid, cmd.ProcessState)
	}
	close(c.exited)
}

// feed copies what the client sends to the command's stdin and closes it at the end of file.
// Input that the command does not want is read and dropped.
func (c *command) feed(ch ssh.Channel) {
	io.Copy(c.stdin, ch)
	c.stdin.Close()
	io.Copy(io.Discard, ch)
}

// relay copies the command's output, reports its status as soon as it has exited, and closes the
// channel when both streams have reached their end, too. A background process that keeps stdout
// open keeps the channel open, as with OpenSSH.
func (c *command) relay(ch ssh.Channel) {
	var status sync.WaitGroup
	status.Go(func() {
		select {
		case <-c.exited:
			report(ch, c.status)
		case <-c.hung:
		}
	})
	var streams sync.WaitGroup
	streams.Go(func() {
		io.Copy(ch, c.stdout)
		c.stdout.Close()
	})
	streams.Go(func() {
		io.Copy(ch.Stderr(), c.stderr)
		c.stderr.Close()
	})
	streams.Wait()
	ch.CloseWrite()
	status.Wait()
	select {
	case <-c.exited:
		c.stdin.Close()
	default: // hung up: feed closes it
	}
	ch.Close()
}

// hangUp takes the output pipes away when the channel is closed; stdin ends by itself once feed
// has delivered what came before. A command that writes on gets SIGPIPE; a silent one lives on.
func (c *command) hangUp() {
	close(c.hung)
	c.stdout.Close()
	c.stderr.Close()
}

// signal sends the named signal (without SIG) to the command's process group.
func (c *command) signal(name string) bool {
	sig, known := signals[ssh.Signal(name)]
	if !known {
		return false
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if _, running := c.server.commands[c.pid]; !running {
		return false // the process id may belong to somebody else by now
	}
	return syscall.Kill(-c.pid, sig) == nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

// abbreviate makes a command fit for one line of a log.
func abbreviate(text string) string {
	const limit = 120
	if len(text) > limit {
		return fmt.Sprintf("%q… (%d bytes)", text[:limit], len(text))
	}
	return fmt.Sprintf("%q", text)
}
