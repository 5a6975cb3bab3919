package remote

import (
	"cmp"
	"context"
	"io"
	"sync"
	"sync/atomic"
)

const (
	blockSize  = 32 << 10 // of one request: what every SFTP server takes
	fileBlocks = 64       // of one file under way: 2 MiB, the window that OpenSSH and we give a channel
	allBlocks  = 512      // of all files of all hosts: 16 MiB
)

// memory is what the transfers of this process may hold together, however many hosts there are.
var memory = budget{shared: make(chan struct{}, allBlocks)}

// buffers hold a block each.
var buffers = sync.Pool{New: func() any { return new([blockSize]byte) }}

// budget counts blocks. The files that are being copied get equal shares of it, so that one host
// has the whole window of its channel and a thousand do not fill our memory.
type budget struct {
	shared chan struct{}
	files  atomic.Int64 // being copied
}

// share is how many blocks one file may have under way now.
func (b *budget) share() int {
	return min(fileBlocks, max(1, cap(b.shared)/int(max(1, b.files.Load()))))
}

// transfer is the part of one Put or Get in the budget. It has a block of its own, which makes
// sure that it gets on however slow the hosts are that hold the others.
type transfer struct {
	budget *budget
	own    chan struct{}
}

func newTransfer() *transfer { return &transfer{budget: &memory, own: make(chan struct{}, 1)} }

// copy copies a file of which one side is remote: many blocks at once, in any order. It takes size
// bytes, or less when there are no more, and returns where the file ends now; what has been
// written beyond, because the file shrank meanwhile, is for the caller to cut off. A size of 0 may
// be that of files which have something to say all the same, as in /proc, so these are read to
// their end.
func (t *transfer) copy(ctx context.Context, to io.WriterAt, from io.ReaderAt, size int64) (int64, error) {
	t.budget.files.Add(1)
	defer t.budget.files.Add(-1)
	c := &copying{transfer: t, ctx: ctx, to: to, from: from, end: size, endless: size == 0}
	select {
	case t.own <- struct{}{}:
		c.work(t.own)
	case t.budget.shared <- struct{}{}:
		c.work(t.budget.shared)
	case <-ctx.Done():
		return 0, locally(context.Cause(ctx))
	}
	c.helpers.Wait()
	return c.end, c.err
}

// copying is one file under way.
type copying struct {
	*transfer
	ctx     context.Context
	to      io.WriterAt
	from    io.ReaderAt
	endless bool // one block after the other, until there are no more
	helpers sync.WaitGroup

	mu      sync.Mutex
	workers int
	next    int64 // where the next block begins
	end     int64
	err     error
}

// work copies blocks until there are none left or others need the memory more. It holds a place
// in from, which it gives back.
func (c *copying) work(place chan struct{}) {
	defer func() { <-place }()
	buf := buffers.Get().(*[blockSize]byte)
	defer buffers.Put(buf)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.workers++
	defer func() { c.workers-- }()
	for c.err == nil && (c.next < c.end || c.endless) {
		off, want := c.next, int64(blockSize)
		if !c.endless {
			want = min(want, c.end-off)
		}
		c.next += want
		c.recruit()
		c.mu.Unlock()
		n, err := c.block(buf[:want], off)
		c.mu.Lock()
		switch {
		case err != nil:
			c.err = cmp.Or(c.err, err)
		case n < want && (c.endless || off+n < c.end):
			c.end, c.endless = off+n, false
		}
		if place == c.budget.shared && c.workers > c.budget.share() && c.workers > 1 {
			return
		}
	}
}

// recruit lets one more work along, which recruits the next, as far as the budget goes.
func (c *copying) recruit() {
	if c.endless || c.next >= c.end || c.workers >= c.budget.share() {
		return
	}
	select {
	case c.budget.shared <- struct{}{}:
		c.helpers.Go(func() { c.work(c.budget.shared) })
	default:
	}
}

// block copies one block, and says how much of it there was.
func (c *copying) block(buf []byte, off int64) (int64, error) {
	if c.ctx.Err() != nil {
		return 0, locally(context.Cause(c.ctx))
	}
	n, err := c.from.ReadAt(buf, off)
	if err != nil && err != io.EOF {
		return 0, err
	}
	if n == 0 {
		return 0, nil
	}
	if _, err := c.to.WriteAt(buf[:n], off); err != nil {
		return 0, err
	}
	return int64(n), nil
}
