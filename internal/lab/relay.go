package lab

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Link is a TCP relay in user space, for a network that misbehaves.
type Link struct {
	listener net.Listener
	target   string
	delay    atomic.Int64
	work     sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conns  []net.Conn
	silent chan struct{} // open while nothing passes
}

// Relay passes connections on to addr until the end of the test.
func Relay(t testing.TB, addr string) *Link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Link{listener: listener, target: addr, silent: make(chan struct{})}
	close(l.silent)
	l.work.Go(l.accept)
	t.Cleanup(func() {
		listener.Close()
		l.Close()
		l.work.Wait()
	})
	return l
}

// Port is where the relay listens, on 127.0.0.1.
func (l *Link) Port() int { return l.listener.Addr().(*net.TCPAddr).Port }

// Delay holds back what passes from now on, in each direction.
func (l *Link) Delay(d time.Duration) { l.delay.Store(int64(d)) }

// Silence stops relaying without closing anything: a network that vanishes without a word.
func (l *Link) Silence() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent = make(chan struct{})
}

// Close ends all connections and refuses new ones.
func (l *Link) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	for _, c := range l.conns {
		c.Close()
	}
	select {
	case <-l.silent:
	default:
		close(l.silent)
	}
}

func (l *Link) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", l.target)
		if err != nil {
			near.Close()
			continue
		}
		if !l.keep(near, far) {
			continue
		}
		l.work.Go(func() { l.pass(near, far) })
		l.work.Go(func() { l.pass(far, near) })
	}
}

func (l *Link) keep(near, far net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		near.Close()
		far.Close()
		return false
	}
	l.conns = append(l.conns, near, far)
	return true
}

// pass copies one direction. What is delayed queues up, so that the link is slow to answer and
// not narrow.
func (l *Link) pass(from, to net.Conn) {
	type chunk struct {
		due  time.Time
		data []byte
	}
	queue := make(chan chunk, 1024)
	l.work.Go(func() {
		defer to.Close()
		defer from.Close()
		for c := range queue {
			time.Sleep(time.Until(c.due))
			l.mu.Lock()
			silent := l.silent
			l.mu.Unlock()
			<-silent
			if _, err := to.Write(c.data); err != nil {
				from.Close()
			}
		}
	})
	defer close(queue)
	for {
		buf := make([]byte, 16<<10)
		n, err := from.Read(buf)
		if n > 0 {
			queue <- chunk{time.Now().Add(time.Duration(l.delay.Load())), buf[:n]}
		}
		if err != nil {
			return
		}
	}
}
