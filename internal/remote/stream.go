package remote

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
)

// A stream is a transfer through the standard input or output of a small script on the host: a
// fraction of SFTP's round trips. It either does all that SFTP would do or gives errNoStream and
// leaves nothing; SFTP then tries again and says, where something is wrong, what that is.

//go:embed putfile.sh
var putFileSource string

//go:embed puttree.sh
var putTreeSource string

//go:embed gettree.sh
var getTreeSource string

var putFile, putTree, getTree = bare(putFileSource), bare(putTreeSource), bare(getTreeSource)

// errNoStream is a host where, or a file with which, only SFTP can know what to do.
var errNoStream = errors.New("this takes SFTP")

const (
	// Each incoming stream may fill the window of its channel, 2 MiB, when our disk is slow.
	streamsAtOnce = 16
	// streamWait is how long to wait for one of those before SFTP does it, with its small share.
	streamWait = 5 * time.Second

	statusNoTar = 127 // as shells say it
)

var incoming = make(chan struct{}, streamsAtOnce)

// send runs a script that takes what feed writes, and returns what the script says. When feed
// does not succeed, the script sees its input end early and takes back what it has done.
func (c *conn) send(ctx context.Context, script string, args []string, feed func(io.Writer) error) (string, error) {
	answer := new(bytes.Buffer)
	s, err := c.startUntil(ctx, scriptLine(script, args), &limited{answer, 64 << 10})
	if err != nil {
		return "", err
	}
	defer s.hangUp()
	fed := make(chan error, 1)
	go func() {
		err := feed(&feeding{s.input, ctx})
		s.input.Close()
		fed <- err
	}()
	var feedErr error
	limit := make(<-chan time.Time)
	for done := ctx.Done(); ; {
		select {
		case feedErr = <-fed:
			fed = nil
		case <-s.ended:
			s.hangUp() // feed may be waiting for the script to read on
			if fed != nil {
				feedErr = <-fed
			}
			return c.sent(ctx, s, answer, feedErr)
		case <-done:
			done, limit = nil, time.After(tidyLimit)
		case <-limit:
			s.hangUp()
			if fed != nil {
				<-fed
			}
			return "", context.Cause(ctx)
		}
	}
}

// sent judges the end of a script.
func (c *conn) sent(ctx context.Context, s *stream, answer *bytes.Buffer, feedErr error) (string, error) {
	var local *localError
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.As(feedErr, &local), errors.Is(feedErr, errNoStream):
		return "", feedErr
	case s.err != nil:
		return "", c.orNoStream(s.err)
	case s.status == statusNoTar:
		c.noTar.Store(true)
	}
	if feedErr != nil || s.status != 0 {
		return "", errNoStream
	}
	return answer.String(), nil
}

// receive runs a script and hands what it writes to take. The script has succeeded, or the error
// says otherwise.
func (c *conn) receive(ctx context.Context, script string, args []string, take func(io.Reader) error) error {
	select {
	case incoming <- struct{}{}:
		defer func() { <-incoming }()
	case <-time.After(streamWait):
		return errNoStream
	case <-ctx.Done():
		return cutOff(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// A server may take the command and leave it lying.
	silence := time.AfterFunc(streamWait, func() { cancel(errNoStream) })
	defer silence.Stop()
	r, w := io.Pipe()
	s, err := c.startUntil(ctx, scriptLine(script, args), &opening{w, silence.Stop})
	if err != nil {
		return err
	}
	defer s.hangUp()
	s.input.Close() // whatever runs in the script's stead waits for nothing
	stop := context.AfterFunc(ctx, func() {
		r.CloseWithError(cutOff(ctx))
		s.hangUp()
	})
	defer stop()
	go func() {
		<-s.ended
		w.Close()
	}()
	err = take(r)
	if err == nil {
		_, err = io.Copy(io.Discard, r) // what pads an archive
	}
	r.CloseWithError(io.ErrClosedPipe)
	if err != nil {
		return err
	}
	<-s.ended
	if s.status == statusNoTar {
		c.noTar.Store(true)
	}
	switch {
	case ctx.Err() != nil:
		return cutOff(ctx)
	case s.err != nil:
		return c.orNoStream(s.err)
	case s.status != 0:
		return errNoStream
	}
	return nil
}

// cutOff is why a stream ended before its time.
func cutOff(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, errNoStream) {
		return cause
	}
	return locally(cause)
}

// startUntil starts a command if the host does that before ctx ends.
func (c *conn) startUntil(ctx context.Context, line string, stdout io.Writer) (*stream, error) {
	type started struct {
		*process
		err error
	}
	come := make(chan started, 1)
	go func() {
		p, err := c.start(taskID(), line, stdout, io.Discard)
		come <- started{p, err}
	}()
	select {
	case s := <-come:
		if s.err != nil {
			return nil, c.orNoStream(s.err)
		}
		return newStream(s.process), nil
	case <-ctx.Done():
		go func() {
			if s := <-come; s.err == nil {
				s.hangUp()
			}
		}()
		return nil, cutOff(ctx)
	}
}

// stream is a script that is fed, or read from.
type stream struct {
	*process
	ended chan struct{} // closed when the output is drained, too
}

func newStream(p *process) *stream {
	s := &stream{p, make(chan struct{})}
	go func() {
		p.end()
		close(s.ended)
	}()
	return s
}

// orNoStream leaves an error to SFTP unless it is that the connection is gone.
func (c *conn) orNoStream(err error) error {
	if lost := c.lost(err); lost != err {
		return lost
	}
	return fmt.Errorf("%w (%v)", errNoStream, err)
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

// feeding is the standard input of a script, until ctx ends.
type feeding struct {
	w   io.Writer
	ctx context.Context
}

func (f *feeding) Write(b []byte) (int, error) {
	if f.ctx.Err() != nil {
		return 0, locally(context.Cause(f.ctx))
	}
	return f.w.Write(b)
}

// limited keeps the beginning of what is written.
type limited struct {
	*bytes.Buffer
	max int
}

func (l *limited) Write(b []byte) (int, error) {
	l.Buffer.Write(b[:min(len(b), l.max-l.Len())])
	return len(b), nil
}

// opening calls begun when something comes.
type opening struct {
	io.Writer
	begun func() bool
}

func (o *opening) Write(b []byte) (int, error) {
	o.begun()
	return o.Writer.Write(b)
}
