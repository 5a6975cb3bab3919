package ui

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// Stream is where a view writes, and what it may do there.
type Stream struct {
	W        io.Writer
	Color    bool // colours are welcome
	Terminal bool // somebody looks at it: what remote commands write must not steer the screen
}

// NewStream finds out what f is; getenv is os.Getenv outside of tests.
func NewStream(f *os.File, mode ColorMode, getenv func(string) string) Stream {
	terminal := term.IsTerminal(int(f.Fd()))
	return Stream{W: f, Color: mode.enabled(terminal, getenv), Terminal: terminal}
}

// sameTarget reports whether what is written to a and b ends up in one place, as with 2>&1.
func sameTarget(a, b Stream) bool {
	if a.Terminal && b.Terminal {
		return true
	}
	fa, ok := a.W.(*os.File)
	if !ok {
		return false
	}
	fb, ok := b.W.(*os.File)
	if !ok {
		return false
	}
	ia, errA := fa.Stat()
	ib, errB := fb.Stat()
	return errA == nil && errB == nil && os.SameFile(ia, ib)
}

// outlet is a Stream with the line being made for it. After the first failed write everything
// is dropped: nobody reads any more, and the play goes on.
type outlet struct {
	Stream
	name    string
	buf     []byte // reused for every write
	open    *host  // whose line was begun and not ended
	onError func(error)
	failed  bool
}

func (o *outlet) flush() {
	defer func() { o.buf = shrink(o.buf, 4<<20) }()
	if o.failed || len(o.buf) == 0 {
		return
	}
	if _, err := o.W.Write(o.buf); err != nil {
		o.failed = true
		report(o.onError, fmt.Errorf("write to %s: %w", o.name, err))
	}
}

// shrink empties the buffer, and lets go of one that a huge line has blown up.
func shrink(buf []byte, most int) []byte {
	if cap(buf) > most {
		return nil
	}
	return buf[:0]
}

func report(onError func(error), err error) {
	if onError != nil {
		onError(err)
	}
}
