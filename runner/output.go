package runner

import (
	"bytes"
	"unicode/utf8"
)

// maxLine is where a line is cut into parts, so that memory stays bounded.
const maxLine = 4 << 20

// maxCapture is how much of a command's output, per stream and host, can be registered.
const maxCapture = 1 << 20

// lines turns what a command writes into Output events, a line each, and keeps the beginning for
// register. One goroutine writes.
type lines struct {
	emit    func(Event)
	stream  string
	partial []byte // a line that has not ended
	inPart  bool   // its beginning was emitted
	keep    bool
	kept    []byte
	cut     bool // more came than was kept
}

// Write takes any bytes; it never fails.
func (l *lines) Write(p []byte) (int, error) {
	if l.keep {
		room := min(len(p), maxCapture-len(l.kept))
		l.kept = append(l.kept, p[:room]...)
		l.cut = l.cut || room < len(p)
	}
	n := len(p)
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			l.partial = append(l.partial, p...)
			if len(l.partial) >= maxLine {
				l.line(l.partial, true)
				l.partial = l.partial[:0]
			}
			break
		}
		if len(l.partial) > 0 {
			l.partial = append(l.partial, p[:end]...)
			l.line(l.partial, false)
			l.partial = l.partial[:0]
		} else {
			l.line(p[:end], false)
		}
		p = p[end+1:]
	}
	return n, nil
}

// flush emits a last line that did not end.
func (l *lines) flush() {
	if len(l.partial) > 0 || l.inPart {
		l.line(l.partial, false)
	}
	l.partial = nil
}

func (l *lines) line(b []byte, part bool) {
	ev := Event{Type: Output, Stream: l.stream, Part: part}
	if utf8.Valid(b) {
		ev.Text = string(b)
	} else {
		ev.Bytes = bytes.Clone(b)
	}
	l.inPart = part
	l.emit(ev)
}
