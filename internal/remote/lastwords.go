package remote

import (
	"bytes"
	"io"
)

// lastWords passes a command's standard error on, but for what ending.sh says there when it is
// done: a line with the task's id and a status.
type lastWords struct {
	w     io.Writer
	lines [2]string // that say: nothing is left, and something is
	held  []byte    // what may be the beginning of one

	heard chan struct{} // closed when one was said
	left  bool          // which; valid once heard
}

func newLastWords(id string, w io.Writer) *lastWords {
	return &lastWords{w: w, lines: [2]string{id + " 143\n", id + " 99\n"}, heard: make(chan struct{})}
}

// Write is called by one goroutine. It takes everything, as a command's output always is.
func (l *lastWords) Write(b []byte) (int, error) {
	n := len(b)
	if len(l.held) > 0 {
		b = append(l.held, b...)
	}
	keep := 0
	for i, line := range l.lines {
		if before, after, found := bytes.Cut(b, []byte(line)); found {
			b = append(bytes.Clone(before), after...)
			l.hear(i == 1)
		}
		keep = max(keep, overlap(b, line))
	}
	l.held = bytes.Clone(b[len(b)-keep:])
	if len(b) > keep {
		l.w.Write(b[:len(b)-keep])
	}
	return n, nil
}

func (l *lastWords) hear(left bool) {
	select {
	case <-l.heard:
	default:
		l.left = left
		close(l.heard)
	}
}

// flush passes on what is held back. Nothing is written afterwards.
func (l *lastWords) flush() {
	if len(l.held) > 0 {
		l.w.Write(l.held)
	}
}

// overlap is how many bytes at the end of b begin line, without being all of it.
func overlap(b []byte, line string) int {
	for n := min(len(b), len(line)-1); n > 0; n-- {
		if string(b[len(b)-n:]) == line[:n] {
			return n
		}
	}
	return 0
}
