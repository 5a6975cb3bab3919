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
	"github.com/pkg/sftp"

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

	mu     sync.Mutex
	closed bool           // by us
	idle   []*sftp.Client // for the next transfers

	noTar atomic.Bool // as a transfer has found out
}

// newConn takes over client and watches it until it ends.
func newConn(client *goph.Client, heard *listened, addr string, silence time.Duration) *conn {
	c := &conn{client: client, addr: addr, heard: heard, silence: silence, gone: make(chan struct{})}
	c.work.Go(c.watch)
	c.work.Go(c.ask)
	return c
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

// watch waits for the end of the connection, and brings it about when the host has been silent
// for too long: nobody else notices a network that vanishes without a word.
func (c *conn) watch() {
	ended := make(chan error, 1)
	go func() { ended <- c.client.Wait() }()
	period := c.silence / 8
	tick := time.NewTicker(period)
	defer tick.Stop()
	for last := now(); ; last = now() {
		select {
		case err := <-ended:
			c.cause = c.ending(err)
			close(c.gone)
			return
		case <-tick.C:
			if now()-last > 2*period {
				c.heard.touch() // we were held up ourselves: what the host has said may lie unread
			}
			if quiet := c.heard.silence(); quiet > c.silence {
				c.cause = fmt.Errorf("%s has been silent for %v: the host or the network is gone", c.addr, quiet.Round(time.Second/10))
				close(c.gone)
				c.client.Close()
				<-ended
				return
			}
		}
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

// ask makes a living host say something every so often.
func (c *conn) ask() {
	tick := time.NewTicker(min(DefaultKeepalive, c.silence/4))
	defer tick.Stop()
	for {
		select {
		case <-c.gone:
			return
		case <-tick.C:
			if c.alive() != nil {
				return
			}
		}
	}
}

// alive asks the host for an answer. It returns when that has come or the connection has ended.
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
