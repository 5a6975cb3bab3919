package ui

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/gofab/gofab/runner"
)

// JSONL records every event as a line of JSON (docs/events.md). What single hosts do may lie in memory
// for a moment; any other event takes all that came before it to the file. It is a runner.Sink.
type JSONL struct {
	closer  io.Closer
	onError func(error)

	mu      sync.Mutex // Handle's, and of the timer
	to      *bufio.Writer
	enc     *json.Encoder
	buf     bytes.Buffer // what enc writes
	line    []byte       // reused by the fast path
	flushed time.Time
	later   *time.Timer // is to flush; nil: there is nothing to flush
	failed  bool
	closed  bool
}

// flushEvery bounds how long what hosts do stays unseen by a reader of the file; what comes faster is
// written together.
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
	j.mu.Lock()
	defer j.mu.Unlock()
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
	switch quiet := ev.Time.Sub(j.flushed); {
	case !ofOneHost(ev.Type) || quiet >= flushEvery || quiet < 0: // the clock may be set
		j.flushed = ev.Time
		j.flush()
	case j.later == nil:
		j.later = time.AfterFunc(flushEvery-quiet, j.flushLate)
	}
}

// ofOneHost tells of which events there are many at a time.
func ofOneHost(t runner.EventType) bool {
	return t == runner.Output || t == runner.HostStart || t == runner.HostEnd || t == runner.HostChange
}

func (j *JSONL) flushLate() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.closed && !j.failed {
		j.flush()
	}
}

func (j *JSONL) flush() {
	if j.later != nil {
		j.later.Stop()
		j.later = nil
	}
	if err := j.to.Flush(); err != nil {
		j.fail(err)
	}
}

// Close writes what is left and closes the file. An error that was reported is not repeated.
func (j *JSONL) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	if j.failed {
		return j.closer.Close()
	}
	return errors.Join(j.to.Flush(), j.closer.Close())
}

func (j *JSONL) fail(err error) {
	j.failed = true
	report(j.onError, fmt.Errorf("record events: %w", err))
}
