package remote

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
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
)

var incoming = make(chan struct{}, streamsAtOnce)

// send runs a script that takes what feed writes, and returns what the script says. When feed
// does not succeed, the script sees its input end early and takes back what it has done; when ctx
// has ended, it may have said that it is done all the same.
func (c *conn) send(ctx context.Context, script string, args []string, feed func(io.Writer) error) (string, error) {
	e, err := c.errand(ctx, scriptLine(script, args))
	if err != nil {
		return "", err
	}
	defer e.Close()
	answer := &limited{new(bytes.Buffer), 64 << 10}
	fed, answered := make(chan struct{}), make(chan struct{})
	var feedErr error
	go func() {
		feedErr = broken(feed(&feeding{e, ctx}))
		e.CloseWrite()
		close(fed)
	}()
	go func() {
		io.Copy(answer, e)
		<-e.ended
		close(answered)
	}()
	select {
	case <-answered:
		e.Close()
		<-fed // which does not have to wait for the script to read on any more
		if ctx.Err() != nil {
			return answer.kept.String(), locally(context.Cause(ctx))
		}
		return answer.kept.String(), e.judge(feedErr)
	case <-ctx.Done():
	}
	said := ""
	if soon(answered) { // it has tidied up
		said = answer.kept.String()
	}
	e.Close()
	soon(fed)
	return said, locally(context.Cause(ctx))
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
		return locally(context.Cause(ctx))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// A server may take the command and leave it lying.
	silence := time.AfterFunc(streamWait, func() { cancel(errNoStream) })
	defer silence.Stop()
	e, err := c.errand(ctx, scriptLine(script, args))
	if err != nil {
		return err
	}
	defer e.Close()
	e.CloseWrite() // whatever runs in the script's stead waits for nothing
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		from := &coming{e, silence.Stop}
		if err = take(from); err == nil {
			_, err = io.Copy(io.Discard, from) // what pads an archive
		}
		if err == nil {
			<-e.ended
		}
	}()
	select {
	case <-taken:
	case <-ctx.Done():
		e.Close()
		soon(taken)
	}
	if ctx.Err() != nil {
		return cutOff(ctx)
	}
	return e.judge(err)
}

// soon waits for done, for as long as a cancelled transfer may take. A host whose disk hangs, say,
// does not even end a session: what waits for that is left to the connection's end.
func soon(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	case <-time.After(tidyLimit):
		return false
	}
}

// cutOff is why a stream ended before its time.
func cutOff(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, errNoStream) {
		return cause
	}
	return locally(cause)
}

// orNoStream leaves an error to SFTP unless it is that the connection is gone.
func (c *conn) orNoStream(err error) error {
	if lost := c.lost(err); lost != err {
		return lost
	}
	return fmt.Errorf("%w (%v)", errNoStream, err)
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

// coming calls begun when something comes.
type coming struct {
	io.Reader
	begun func() bool
}

func (c *coming) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.begun()
	return n, err
}
