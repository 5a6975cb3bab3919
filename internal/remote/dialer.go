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
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/melbahja/goph"
	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/runner"
)

// Limits on waiting; those that a Dialer leaves zero.
const (
	DefaultConnectTimeout = 10 * time.Second // for TCP, and again for the handshake
	DefaultHandshakes     = 64               // at once
	DefaultKeepalive      = 3 * time.Second
	DefaultSilence        = 12 * time.Second // without a byte from the host: it is gone
)

// Dialer connects to machines. The zero value uses the agent and the usual keys and files of
// ~/.ssh. Its fields must not change once it is in use; Dial is safe for concurrent use.
type Dialer struct {
	RunKey         ssh.Signer    // logs in to machines that carry a pinned host key
	Password       string        // for machines that bring none of their own
	ConnectTimeout time.Duration // for the TCP connection, and again for the handshake
	Handshakes     int           // at once
	Silence        time.Duration // after which a host that sends nothing is unreachable

	once  sync.Once
	slots chan struct{}
	auth  authenticator
	keys  hostKeys
}

// Dial makes one attempt to connect and log in.
func (d *Dialer) Dial(ctx context.Context, m cloud.Machine) (runner.Conn, error) {
	d.once.Do(d.defaults)
	addr := net.JoinHostPort(m.Address, strconv.Itoa(m.Port))
	check, err := d.keys.forMachine(m, addr)
	if err != nil {
		return nil, &runner.UnreachableError{Err: err, Final: true, Remedy: "correct it, or run gofab where it can be read"}
	}
	auth, err := d.auth.methods(d, m)
	if err != nil {
		return nil, &runner.UnreachableError{Err: err, Final: true, Remedy: "name a readable key with key=… or start ssh-agent"}
	}
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	tcp, err := (&net.Dialer{Timeout: d.ConnectTimeout}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, d.explain(ctx, m, addr, err)
	}
	return d.handshake(ctx, m, addr, tcp, &ssh.ClientConfig{
		User: m.User, Auth: auth, HostKeyCallback: check.callback, HostKeyAlgorithms: check.algorithms,
	})
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
	d.slots = make(chan struct{}, d.Handshakes)
}

// handshake gives goph a client that is already through it: goph's own timeout ends with the TCP
// connection, and against a port that accepts and says nothing it waits for ever.
func (d *Dialer) handshake(ctx context.Context, m cloud.Machine, addr string, tcp net.Conn, cfg *ssh.ClientConfig) (runner.Conn, error) {
	heard := &listened{Conn: tcp}
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
				return newConn(&goph.Client{Client: ssh.NewClient(c, chans, reqs)}, heard, addr, d.Silence), nil
			}
			c.Close()
		}
	}
	stop()
	tcp.Close()
	return nil, d.explain(ctx, m, addr, &handshakeError{err, heard.start()})
}

// listened is a network connection that remembers when it last heard from the other side, and
// what it heard first.
type listened struct {
	net.Conn
	last atomic.Int64 // by the clock of now

	mu    sync.Mutex
	first []byte
	key   ssh.PublicKey // of the host, checked
}

func (l *listened) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if n > 0 {
		l.touch()
		l.mu.Lock()
		l.first = append(l.first, b[:min(n, 255-len(l.first))]...)
		l.mu.Unlock()
	}
	return n, err
}

// start is the beginning of what the other side said.
func (l *listened) start() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.first)
}

func (l *listened) believe(key ssh.PublicKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.key = key
}

// hostKey is what the host has proved to have.
func (l *listened) hostKey() ssh.PublicKey {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.key
}

// touch begins the silence anew.
func (l *listened) touch() { l.last.Store(int64(now())) }

func (l *listened) silence() time.Duration { return now() - time.Duration(l.last.Load()) }
