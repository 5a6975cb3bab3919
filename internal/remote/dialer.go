// Package remote is a run's connection to its hosts: SSH and SFTP over goph.
//
// goph gives authentication and SFTP; dialling and running commands are our own, because a
// command must be possible to cancel together with everything that it started, a machine that
// boots accepts TCP long before it speaks SSH, and a network can vanish without a word. So each
// wait here has an end: the dial and the handshake have deadlines, a connection is kept under
// watch while it lives, and a command runs under a supervisor on the remote side
// (supervisor.sh) that needs nobody to tell it that the controller is gone.
package remote

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/melbahja/goph"
	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/runner"
)

// Limits on waiting; those that a Dialer leaves zero.
const (
	DefaultConnectTimeout = 10 * time.Second // for TCP, and again for the handshake
	DefaultHandshakes     = 64               // at once, to begin with
	DefaultKeepalive      = 3 * time.Second
	DefaultSilence        = 12 * time.Second // without a byte from the host: it is gone

	mostHandshakes = 512 // at once, where they are quick
)

// Dialer connects to machines. The zero value uses the agent and the usual keys and files of
// ~/.ssh. Its fields must not change once it is in use; Dial is safe for concurrent use.
type Dialer struct {
	RunKey         ssh.Signer    // logs in to machines that carry a pinned host key
	Password       string        // for machines that bring none of their own
	ConnectTimeout time.Duration // for the TCP connection, and again for the handshake
	Handshakes     int           // at once, to begin with: their number follows how they go
	Silence        time.Duration // after which a host that sends nothing is unreachable

	once sync.Once
	auth authenticator
	keys hostKeys
	all  *limiter

	mu   sync.Mutex
	each map[string]*limiter // by address
}

// Dial makes one attempt to connect and log in.
func (d *Dialer) Dial(ctx context.Context, m cloud.Machine) (runner.Conn, error) {
	d.once.Do(d.defaults)
	return withFiles(ctx, func() (runner.Conn, error) { return d.dial(ctx, m) })
}

func (d *Dialer) dial(ctx context.Context, m cloud.Machine) (runner.Conn, error) {
	addr := net.JoinHostPort(m.Address, strconv.Itoa(m.Port))
	check, err := d.keys.forMachine(m, addr)
	if err != nil {
		return nil, unread(err, "correct it, or run gofab where it can be read")
	}
	auth, err := d.auth.methods(d, m)
	if err != nil {
		return nil, unread(err, "name a readable key with key=… or start ssh-agent")
	}
	one := d.of(m.Address)
	if err := one.enter(ctx); err != nil {
		return nil, err
	}
	c, how, err := d.connect(ctx, m, addr, &ssh.ClientConfig{
		Config: ssh.Config{Ciphers: ciphers}, User: m.User, Auth: auth,
		HostKeyCallback: check.callback, HostKeyAlgorithms: check.algorithms,
	})
	one.leave(how)
	return c, err
}

// of is the limiter of an address.
func (d *Dialer) of(address string) *limiter {
	d.mu.Lock()
	defer d.mu.Unlock()
	one := d.each[address]
	if one == nil {
		one = newLimiter(mostHandshakes, mostHandshakes)
		d.each[address] = one
	}
	return one
}

// connect connects, which takes no turn from others: machines that boot may not answer for long. The
// login then does.
func (d *Dialer) connect(ctx context.Context, m cloud.Machine, addr string, cfg *ssh.ClientConfig) (runner.Conn, login, error) {
	tcp, err := (&net.Dialer{Timeout: d.ConnectTimeout}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, unknown, d.explain(ctx, m, addr, err)
	}
	if err := d.all.enter(ctx); err != nil {
		tcp.Close()
		return nil, unknown, err
	}
	c, how, err := d.login(ctx, m, addr, tcp, cfg)
	if how == dropped {
		d.all.leave(unknown) // it says nothing of the others
	} else {
		d.all.leave(how)
	}
	return c, how, err
}

func (d *Dialer) defaults() {
	if d.ConnectTimeout == 0 {
		d.ConnectTimeout = DefaultConnectTimeout
	}
	if d.Handshakes == 0 {
		d.Handshakes = DefaultHandshakes
	}
	if d.Silence == 0 {
		d.Silence = DefaultSilence
	}
	d.all = newLimiter(d.Handshakes, max(d.Handshakes, mostHandshakes))
	d.each = make(map[string]*limiter)
}

// login gives goph a client that is already through the handshake: goph's own timeout ends with the
// TCP connection, and against a port that accepts and says nothing it waits for ever.
func (d *Dialer) login(ctx context.Context, m cloud.Machine, addr string, tcp net.Conn, cfg *ssh.ClientConfig) (runner.Conn, login, error) {
	began := now()
	heard := listen(tcp)
	check := cfg.HostKeyCallback
	cfg.HostKeyCallback = func(host string, from net.Addr, key ssh.PublicKey) error {
		err := check(host, from, key)
		if err == nil {
			heard.believe(key)
		}
		return err
	}
	stop := context.AfterFunc(ctx, func() { tcp.Close() })
	err := tcp.SetDeadline(time.Now().Add(d.ConnectTimeout))
	if err == nil {
		var c ssh.Conn
		var chans <-chan ssh.NewChannel
		var reqs <-chan *ssh.Request
		if c, chans, reqs, err = ssh.NewClientConn(heard, addr, cfg); err == nil {
			err = tcp.SetDeadline(time.Time{})
			if stop() && err == nil {
				heard.hurry.Store(false)
				how := quick
				if now()-began > d.ConnectTimeout/8 {
					how = late
				}
				return newConn(&goph.Client{Client: ssh.NewClient(c, chans, reqs)}, heard, addr, d.Silence), how, nil
			}
			c.Close()
		}
	}
	stop()
	tcp.Close()
	how := unknown
	explained := d.explain(ctx, m, addr, &handshakeError{err, heard.start()})
	var u *runner.UnreachableError
	switch {
	case errors.As(explained, &u) && u.Again:
		how = dropped
	case isTimeout(err) && heard.start() != "": // else it boots, which says nothing of the others
		how = late
	}
	return nil, how, explained
}
