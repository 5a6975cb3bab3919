package ui

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gofab/gofab/runner"
)

// JSONL records every event as a line of JSON (docs/events.md). Output may lie in memory for a
// moment; any other event takes all that came before it to the file. It is a runner.Sink.
type JSONL struct {
	to      *bufio.Writer
	closer  io.Closer
	enc     *json.Encoder
	buf     bytes.Buffer // what enc writes
	line    []byte       // reused by the fast path
	flushed time.Time
	onError func(error)
	failed  bool
}

// flushEvery bounds how long slow output stays unseen by a reader of the file; output that comes
// faster is written by the bufferful.
const flushEvery = 200 * time.Millisecond

// CreateJSONL makes or continues the file, readable by the user alone. onError is told of the
// first failed write; later events are dropped, and the play goes on.
func CreateJSONL(file string, onError func(error)) (*JSONL, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return NewJSONL(f, onError), nil
}

// NewJSONL is CreateJSONL for a writer, which Close closes.
func NewJSONL(w io.WriteCloser, onError func(error)) *JSONL {
	j := &JSONL{to: bufio.NewWriterSize(w, 64<<10), closer: w, onError: onError}
	j.enc = json.NewEncoder(&j.buf)
	j.enc.SetEscapeHTML(false)
	return j
}

// Handle records the event.
func (j *JSONL) Handle(ev runner.Event) {
	if j.failed {
		return
	}
	var ok bool
	if j.line, ok = appendOutput(j.line[:0], &ev); !ok {
		j.buf.Reset()
		if err := j.enc.Encode(ev); err != nil {
			j.fail(err)
			return
		}
		j.line = append(j.line[:0], j.buf.Bytes()...)
	}
	if _, err := j.to.Write(j.line); err != nil {
		j.fail(err)
		return
	}
	j.line = shrink(j.line, 4<<20)
	if ev.Type == runner.Output && ev.Time.Sub(j.flushed) < flushEvery {
		return
	}
	j.flushed = ev.Time
	if err := j.to.Flush(); err != nil {
		j.fail(err)
	}
}

// Close writes what is left and closes the file. An error that was reported is not repeated.
func (j *JSONL) Close() error {
	if j.failed {
		return j.closer.Close()
	}
	return errors.Join(j.to.Flush(), j.closer.Close())
}

func (j *JSONL) fail(err error) {
	j.failed = true
	report(j.onError, fmt.Errorf("record events: %w", err))
}
