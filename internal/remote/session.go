package remote

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// session is one command on the remote side. ssh.Session would not tell of the exit status before
// the last process that holds the output open has gone, so the channel is handled here.
type session struct {
	ssh.Channel
	output

	exited chan struct{} // closed when the status is known or never will be
	ended  chan struct{} // closed when the output is drained, too
	status int
	err    error
}

// start opens a session that runs line and begins to pass its output on.
func (c *conn) start(line string, stdout, stderr io.Writer) (*session, error) {
	channel, requests, err := c.openSession()
	if err != nil {
		return nil, refusal(err)
	}
	s := &session{Channel: channel, exited: make(chan struct{}), ended: make(chan struct{})}
	go s.listen(requests)
	ok, err := channel.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{line}))
	if err == nil && !ok {
		err = errors.New("it refuses to run commands")
	}
	if err != nil {
		channel.Close()
		return nil, err
	}
	s.pump(stdout, channel)
	s.pump(stderr, channel.Stderr())
	go func() {
		<-s.exited
		s.drain(func() { channel.Close() })
		close(s.ended)
	}()
	return s, nil
}

// openSession asks for a channel, and asks again for a while when it is refused: sshd counts a
// session against MaxSessions until it has cleared it away, which is a moment after its end.
func (c *conn) openSession() (channel ssh.Channel, requests <-chan *ssh.Request, err error) {
	for pause := 20 * time.Millisecond; pause < time.Second; pause *= 2 {
		channel, requests, err = c.client.OpenChannel("session", nil)
		var refused *ssh.OpenChannelError
		if !errors.As(err, &refused) {
			break
		}
		time.Sleep(pause)
	}
	return channel, requests, err
}

// refusal words the answer of a host that opens no channel.
func refusal(err error) error {
	var refused *ssh.OpenChannelError
	if errors.As(err, &refused) {
		return fmt.Errorf("it refuses another session (is MaxSessions in its sshd_config reached?): %s", refused.Message)
	}
	return err
}

// listen takes what the server says of the command's end.
func (s *session) listen(requests <-chan *ssh.Request) {
	known := false
	for r := range requests {
		switch r.Type {
		case "exit-status":
			var m struct{ Status uint32 }
			if ssh.Unmarshal(r.Payload, &m) == nil && !known {
				s.status, known = int(m.Status), true
				close(s.exited)
			}
		case "exit-signal":
			var m struct {
				Signal string
				Core   bool
				Msg    string
				Lang   string
			}
			if ssh.Unmarshal(r.Payload, &m) == nil && !known {
				s.err, known = fmt.Errorf("the command's supervisor was killed by SIG%s", m.Signal), true
				close(s.exited)
			}
		}
		if r.WantReply {
			r.Reply(false, nil)
		}
	}
	if !known {
		s.err = errNoStatus
		close(s.exited)
	}
}

// errNoStatus is the end of a session whose connection broke.
var errNoStatus = errors.New("the session ended without an exit status")

// beat tells the supervisor that we live, until stopped. Nothing is written after stop.
func beat(w io.Writer) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(heartbeat)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				if _, err := w.Write([]byte("\n")); err != nil {
					return
				}
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(quit)
		<-done
	})
}
