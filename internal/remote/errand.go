package remote

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/runner"
)

const statusNoTar = 127 // as shells say it

// errand is a script on its way.
type errand struct {
	ssh.Channel
	conn   *conn
	ended  chan struct{} // closed when there is nothing more to be heard of it
	status int           // after ended; -1: unknown
}

// errand starts a command if the host does that before ctx ends.
func (c *conn) errand(ctx context.Context, line string) (*errand, error) {
	e, err := within(ctx, func() (*errand, error) { return c.begin(line) })
	switch {
	case errors.Is(err, errNotStarted):
		return nil, cutOff(ctx)
	case err != nil:
		return nil, c.orNoStream(err)
	}
	return e, nil
}

// errNotStarted says that ctx has ended before something on the host had begun.
var errNotStarted = errors.New("not started in time")

// within gives what start starts, or errNotStarted: a host may take a request and leave it lying.
// What starts later is closed.
func within[T io.Closer](ctx context.Context, start func() (T, error)) (T, error) {
	type outcome struct {
		it  T
		err error
	}
	come := make(chan outcome, 1)
	go func() {
		it, err := start()
		come <- outcome{it, err}
	}()
	select {
	case o := <-come:
		return o.it, o.err
	case <-ctx.Done():
		go func() {
			if o := <-come; o.err == nil {
				o.it.Close()
			}
		}()
		var none T
		return none, errNotStarted
	}
}

func (c *conn) begin(line string) (*errand, error) {
	channel, requests, err := c.openSession()
	if err != nil {
		return nil, err
	}
	e := &errand{Channel: channel, conn: c, ended: make(chan struct{}), status: -1}
	go e.listen(requests)
	go io.Copy(io.Discard, channel.Stderr())
	ok, err := channel.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{line}))
	if err == nil && !ok {
		err = errors.New("it refuses to run commands")
	}
	if err != nil {
		channel.Close()
		return nil, err
	}
	return e, nil
}

// listen takes the exit status. It ends with the channel.
func (e *errand) listen(requests <-chan *ssh.Request) {
	defer close(e.ended)
	for r := range requests {
		var m struct{ Status uint32 }
		if r.Type == "exit-status" && ssh.Unmarshal(r.Payload, &m) == nil {
			e.status = int(m.Status)
		}
		if r.WantReply {
			r.Reply(false, nil)
		}
	}
}

// judge says what has come of a script, when err has come of its data.
func (e *errand) judge(err error) error {
	var local *localError
	if errors.As(err, &local) || err != nil && !e.over() {
		return err
	}
	<-e.ended
	switch {
	case e.status == statusNoTar:
		e.conn.noTar.Store(true)
	case e.status < 0:
		return e.conn.orNoStream(cmp.Or(err, errors.New("it ended without a status")))
	case e.status == 0:
		return err
	}
	return errNoStream
}

// over tells whether the script has ended.
func (e *errand) over() bool {
	select {
	case <-e.ended:
		return true
	default:
		return false
	}
}

func scriptLine(script string, args []string) string {
	var line strings.Builder
	line.WriteString("exec sh -c " + Quote(script) + " gofab")
	for _, a := range args {
		line.WriteString(" " + Quote(a))
	}
	return line.String()
}

// forScript is a remote path that is no option, and that CDPATH does not lead elsewhere.
func forScript(p string) string {
	if path.IsAbs(p) {
		return p
	}
	return "./" + p
}

// run runs a script of ours under the supervisor. What it complains about is the error.
func (c *conn) run(ctx context.Context, cmd runner.Command, stdout io.Writer) error {
	var complaint bytes.Buffer
	status, err := c.Exec(ctx, cmd, stdout, &limited{&complaint, 4 << 10})
	if err != nil || status == 0 {
		return err
	}
	lines := strings.Split(strings.TrimSpace(complaint.String()), "\n")
	return fmt.Errorf("%s (status %d)", cmp.Or(strings.TrimSpace(lines[len(lines)-1]), "no reason given"), status)
}

// limited keeps the beginning of what is written.
type limited struct {
	kept *bytes.Buffer
	max  int
}

func (l *limited) Write(b []byte) (int, error) {
	l.kept.Write(b[:min(len(b), l.max-l.kept.Len())])
	return len(b), nil
}
