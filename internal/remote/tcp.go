package remote

import (
	"bufio"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// listened is a network connection that remembers when it last heard from the other side, and
// what it heard first.
type listened struct {
	net.Conn
	from  *bufio.Reader // the SSH library reads the other side's first line byte by byte
	last  atomic.Int64  // by the clock of now
	hurry atomic.Bool   // while the login lasts
	ack   func()        // has what was read acknowledged at once

	mu    sync.Mutex
	first []byte
	key   ssh.PublicKey // of the host, checked
}

// listen begins with the login. Until that is over, a server waits for our acknowledgement of a
// packet before it sends the next (Nagle's algorithm), and the kernel would give that after 40 ms.
func listen(tcp net.Conn) *listened {
	l := &listened{Conn: tcp, ack: quickAck(tcp)}
	l.from = bufio.NewReaderSize(heardBy{l}, mostFirst)
	l.hurry.Store(true)
	return l
}

// mostFirst is how much of what the other side says first is of interest.
const mostFirst = 255

func (l *listened) Read(b []byte) (int, error) { return l.from.Read(b) }

// heardBy reads from the network.
type heardBy struct{ *listened }

func (l heardBy) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if n > 0 {
		l.touch()
		if l.hurry.Load() {
			l.ack()
			l.mu.Lock()
			l.first = append(l.first, b[:min(n, mostFirst-len(l.first))]...)
			l.mu.Unlock()
		}
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
