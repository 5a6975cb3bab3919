package remote

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// start opens a session that runs line and begins to pass its output on. ssh.Session would not tell
// of the exit status before the last process that holds the output open has gone, so the channel is
// handled here.
func (c *conn) start(id, line string, stdout, stderr io.Writer) (*process, error) {
	channel, requests, err := c.openSession()
	if err != nil {
		return nil, refusal(err)
	}
	p := newProcess(c.addr)
	p.input, p.hangUp = sessionInput{channel}, func() { channel.Close() }
	go p.listen(requests)
	ok, err := channel.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{line}))
	if err == nil && !ok {
		err = errors.New("it refuses to run commands")
	}
	if err != nil {
		channel.Close()
		return nil, err
	}
	p.follow(id, stdout, stderr, channel, channel.Stderr())
	return p, nil
}

// sessionInput is the standard input of a session, which ends without the session.
type sessionInput struct{ ssh.Channel }

func (s sessionInput) Close() error { return s.CloseWrite() }

// openSession asks for a channel, and asks again for a while when it is refused: sshd counts a
// session against MaxSessions until it has cleared it away, which is a moment after its end.
func (c *conn) openSession() (channel ssh.Channel, requests <-chan *ssh.Request, err error) {
	for pause := 20 * time.Millisecond; pause < time.Second; pause *= 2 {
		channel, requests, err = c.client.OpenChannel("session", nil)
		var refused *ssh.OpenChannelError
		if !errors.As(err, &refused) {
			break
		}
		c.restSFTP() // which may hold what there is
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

// listen takes what the server says of the command's end. Of a command that a signal has killed, a
// shell would report 128 and the signal's number.
func (p *process) listen(requests <-chan *ssh.Request) {
	known := false
	for r := range requests {
		switch r.Type {
		case "exit-status":
			var m struct{ Status uint32 }
			if ssh.Unmarshal(r.Payload, &m) == nil && !known {
				p.status, known = int(m.Status), true
				close(p.exited)
			}
		case "exit-signal":
			var m struct {
				Signal string
				Core   bool
				Msg    string
				Lang   string
			}
			if ssh.Unmarshal(r.Payload, &m) == nil && !known {
				if p.status = 128 + signalNumbers[ssh.Signal(m.Signal)]; p.status == 128 {
					p.err = fmt.Errorf("the command was killed by a signal that SSH has no name for (%s)", m.Signal)
				}
				known = true
				close(p.exited)
			}
		}
		if r.WantReply {
			r.Reply(false, nil)
		}
	}
	if !known {
		p.err = errNoStatus
		close(p.exited)
	}
}

// signalNumbers are Linux's, of the signals that SSH has names for (RFC 4254, 6.10).
var signalNumbers = map[ssh.Signal]int{
	ssh.SIGHUP: 1, ssh.SIGINT: 2, ssh.SIGQUIT: 3, ssh.SIGILL: 4, ssh.SIGABRT: 6, ssh.SIGFPE: 8, ssh.SIGKILL: 9,
	ssh.SIGUSR1: 10, ssh.SIGSEGV: 11, ssh.SIGUSR2: 12, ssh.SIGPIPE: 13, ssh.SIGALRM: 14, ssh.SIGTERM: 15,
}

// errNoStatus is the end of a session whose connection broke.
var errNoStatus = errors.New("the session ended without an exit status")

// beat tells the supervisor that we live, until stopped. Nothing is written after stop.
func beat(w io.Writer) (stop func()) {
	var mu sync.Mutex
	var timer *time.Timer
	stopped := false
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(heartbeat, func() {
		mu.Lock()
		defer mu.Unlock()
		if stopped {
			return
		}
		if _, err := w.Write([]byte("\n")); err == nil {
			timer.Reset(heartbeat)
		}
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		timer.Stop()
	}
}
