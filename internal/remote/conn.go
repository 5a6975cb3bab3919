package remote

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/melbahja/goph"

	"github.com/gofab/gofab/runner"
)

// conn is one connection: any number of commands and transfers at once.
type conn struct {
	client  *goph.Client
	addr    string
	heard   *listened
	silence time.Duration

	gone  chan struct{} // closed when the connection has ended
	cause error         // why; set before gone is closed
	work  sync.WaitGroup

	checked time.Duration // when the silence was last looked at, by the clock of now

	mu     sync.Mutex
	closed bool           // by us
	ended  bool           // gone is closed
	idle   []*sftpSession // for the next transfers

	noTar atomic.Bool // as a transfer has found out
}

// newConn takes over client and watches it until it ends. That takes timers rather than goroutines,
// because there may be a thousand of us.
func newConn(client *goph.Client, heard *listened, addr string, silence time.Duration) *conn {
	c := &conn{client: client, addr: addr, heard: heard, silence: silence, gone: make(chan struct{}), checked: now()}
	c.work.Go(func() { c.end(c.ending(c.client.Wait())) })
	c.every(silence/8, c.hears)
	c.every(min(DefaultKeepalive, silence/4), func() bool { return c.alive() == nil })
	return c
}

// every calls do again and again until it returns false or the connection has ended.
func (c *conn) every(period time.Duration, do func() bool) {
	time.AfterFunc(period, func() {
		select {
		case <-c.gone:
		default:
			if do() {
				c.every(period, do)
			}
		}
	})
}

// Close ends the connection. Closing it again does nothing.
func (c *conn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	err := c.client.Close()
	c.work.Wait()
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// hears ends the connection when the host has been silent for too long: nobody else notices a
// network that vanishes without a word.
func (c *conn) hears() bool {
	if now()-c.checked > c.silence/4 {
		c.heard.touch() // we were held up ourselves: what the host has said may lie unread
	}
	c.checked = now()
	quiet := c.heard.silence()
	if quiet <= c.silence {
		return true
	}
	c.end(fmt.Errorf("%s has been silent for %v: the host or the network is gone", c.addr, quiet.Round(time.Second/10)))
	c.client.Close()
	return false
}

// end makes it known that the connection has ended, and why. The first to say so is right.
func (c *conn) end(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.ended, c.cause = true, cause
		close(c.gone)
	}
}

// ending words the reason why the SSH library has given the connection up.
func (c *conn) ending(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return fmt.Errorf("the connection to %s was closed", c.addr)
	case err == nil || errors.Is(err, io.EOF):
		return fmt.Errorf("%s has closed the connection", c.addr)
	}
	return fmt.Errorf("the connection to %s is lost: %w", c.addr, plain(err))
}

// alive asks the host for an answer, so that a living one says something every so often. It returns
// when that has come or the connection has ended.
func (c *conn) alive() error {
	// Refusing the request is an answer too.
	_, _, err := c.client.SendRequest("keepalive@openssh.com", true, nil)
	return err
}

// lost makes an *UnreachableError of err when the end of the connection is the reason for it.
// Errors on channels overtake the news of that end, so it asks the host.
func (c *conn) lost(err error) error {
	if err == nil || c.alive() == nil {
		return err
	}
	<-c.gone
	return &runner.UnreachableError{Err: c.cause, Remedy: "the supervisor on the host ends what was running there within " + heartbeatLimit.String()}
}
