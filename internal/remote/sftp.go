package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

const (
	// filesAtOnce is how many files of one host are under way together: enough to hide the round
	// trips of small files.
	filesAtOnce = 32

	// tidyLimit is the time that a cancelled transfer has to remove what it has begun.
	tidyLimit = 2 * time.Second
)

// sftpSession is an SFTP client and what it talks through.
type sftpSession struct {
	*sftp.Client
	channel ssh.Channel
	ended   chan struct{} // closed when the host has ended it
}

// Close ends the session without waiting for anybody: the client's own Close waits for its requests
// to be written, and then for the host.
func (s *sftpSession) Close() error { return s.channel.Close() }

// withSFTP runs do with an SFTP client of the connection. do sees the end of ctx by itself, at
// the next file or block; when it does not return soon, because the host does not answer, the
// client is closed under its feet.
func (c *conn) withSFTP(ctx context.Context, do func(*sftp.Client) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s, err := c.takeSFTP(ctx)
	if err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		err = do(s.Client)
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		if !soon(done) {
			s.Close()
			soon(done)
		}
	}
	if ctx.Err() != nil {
		s.Close()
		return context.Cause(ctx)
	}
	var status *sftp.StatusError
	var local *localError
	switch {
	case errors.As(err, &local):
		err = local.error
	case err == nil, errors.As(err, &status), errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
	default:
		s.Close()
		return c.lost(err)
	}
	c.giveSFTP(s)
	return err
}

// takeSFTP gives a client that nobody else uses: to cancel a transfer may mean to close its client.
func (c *conn) takeSFTP(ctx context.Context) (*sftpSession, error) {
	c.mu.Lock()
	for last := len(c.idle) - 1; last >= 0; last-- {
		s := c.idle[last]
		c.idle = c.idle[:last]
		select {
		case <-s.ended: // as sshd's ChannelTimeout does
		default:
			c.mu.Unlock()
			return s, nil
		}
	}
	c.mu.Unlock()
	s, err := within(ctx, c.beginSFTP)
	switch {
	case errors.Is(err, errNotStarted):
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, c.lost(fmt.Errorf("start SFTP on %s (does its sshd have the sftp subsystem?): %w", c.addr, refusal(err)))
	}
	return s, nil
}

func (c *conn) beginSFTP() (*sftpSession, error) {
	channel, requests, err := c.openSession()
	if err != nil {
		return nil, err
	}
	s := &sftpSession{channel: channel, ended: make(chan struct{})}
	go func() {
		ssh.DiscardRequests(requests)
		close(s.ended)
	}()
	go io.Copy(io.Discard, channel.Stderr())
	ok, err := channel.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{"sftp"}))
	if err == nil && !ok {
		err = errors.New("it refuses")
	}
	if err == nil {
		s.Client, err = sftp.NewClientPipe(channel, channel, sftp.UseConcurrentWrites(true))
	}
	if err != nil {
		channel.Close()
		return nil, err
	}
	return s, nil
}

func (c *conn) giveSFTP(s *sftpSession) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = append(c.idle, s)
}

// restSFTP ends the sessions that wait for the next transfer, when others need them more.
func (c *conn) restSFTP() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.idle {
		s.Close()
	}
	c.idle = nil
}

// localError is a failure of a file on the controller, which the host has no part in.
type localError struct{ error }

func (e *localError) Unwrap() error { return e.error }

func locally(err error) error {
	if err == nil {
		return nil
	}
	return &localError{err}
}

// localFile is a file on the controller that is copied from or to. What goes wrong with it is
// told apart from what the host says.
type localFile struct{ *os.File }

func (f localFile) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(b, off)
	if err == io.EOF {
		return n, err
	}
	return n, locally(err)
}

func (f localFile) WriteAt(b []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(b, off)
	return n, locally(err)
}

// remotePath makes an SFTP path of what people write. SFTP starts in the home directory.
func remotePath(p string) (string, error) {
	switch {
	case strings.ContainsRune(p, 0):
		return "", locally(fmt.Errorf("%q: a name cannot hold a NUL byte", p)) // sshd would drop the connection
	case p == "~" || p == "~/":
		return ".", nil
	case strings.HasPrefix(p, "~/"):
		return path.Clean(p[2:]), nil
	case strings.HasPrefix(p, "~"):
		return "", locally(fmt.Errorf("%s: only ~/ is known, not other users' homes: write the whole path", p))
	case p == "":
		return ".", nil
	}
	return path.Clean(p), nil
}

// remoteError words an SFTP error as a shell would.
func remoteError(what, name string, err error) error {
	var local *localError
	switch {
	case err == nil, errors.As(err, &local):
		return err
	case errors.Is(err, os.ErrNotExist):
		err = fs.ErrNotExist
	case errors.Is(err, os.ErrPermission):
		err = fs.ErrPermission
	}
	return fmt.Errorf("%s %s on the host: %w", what, name, err)
}

// full says that the disk is full when that is why the host could not write: all that SFTP says
// is "Failure".
func full(client *sftp.Client, dir string, err error) error {
	var status *sftp.StatusError
	if !errors.As(err, &status) {
		return err
	}
	if disk, statErr := client.StatVFS(dir); statErr == nil && disk.Bavail*disk.Frsize < 1<<16 {
		return fmt.Errorf("no space left on the device (%w)", err)
	}
	return err
}
