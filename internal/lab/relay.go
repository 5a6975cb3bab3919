package lab

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Line is what links share on their way to the hosts: a narrow uplink.
type Line struct {
	rate float64 // bytes a second

	mu   sync.Mutex
	free time.Time // when what was let in has passed
}

// backlog is how much a line takes in before it has passed: a network does not buffer for long.
const backlog = 50 * time.Millisecond

// Uplink lets so many bytes pass in a second, of all the links that go Through it.
func Uplink(bytesPerSecond int) *Line { return &Line{rate: float64(bytesPerSecond)} }

// pass waits until the line takes n bytes and says when they have passed.
func (l *Line) pass(n int) time.Time {
	l.mu.Lock()
	if now := time.Now(); l.free.Before(now) {
		l.free = now
	}
	l.free = l.free.Add(time.Duration(float64(n) / l.rate * float64(time.Second)))
	due := l.free
	l.mu.Unlock()
	time.Sleep(time.Until(due) - backlog)
	return due
}

// Link is a TCP relay in user space, for a network that misbehaves.
type Link struct {
	listener net.Listener
	target   string
	delay    atomic.Int64
	uplink   atomic.Pointer[Line]
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

// Through lets what goes to the host, from now on, pass through a line.
func (l *Link) Through(line *Line) { l.uplink.Store(line) }

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
		l.work.Go(func() { l.pass(near, far, l.uplink.Load) })
		l.work.Go(func() { l.pass(far, near, func() *Line { return nil }) })
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

// pass copies one direction, on a line if there is one. What is delayed queues up, so that the link is slow to answer and
// not narrow.
func (l *Link) pass(from, to net.Conn, line func() *Line) {
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
			due := time.Now()
			if line := line(); line != nil {
				due = line.pass(n)
			}
			queue <- chunk{due.Add(time.Duration(l.delay.Load())), buf[:n]}
		}
		if err != nil {
			return
		}
	}
}
