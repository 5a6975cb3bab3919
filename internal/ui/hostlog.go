package ui

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofab/gofab/runner"
)

// HostLogs writes what each host's commands said, stdout and stderr in the order in which they
// came, to files like 3-local-3.log. No file stays open between writes, so a thousand hosts need
// no more descriptors than one; a host that says nothing has no file. It is a runner.Sink.
type HostLogs struct {
	dir     string
	logs    map[logKey]*hostLog
	onError func(error)
	failed  bool
}

type logKey struct {
	host  string
	index int // -1: none
}

type hostLog struct {
	file    string
	buf     []byte
	flushed time.Time
	open    string // the stream whose line was begun and not ended
	begun   map[string]bool
}

const (
	logBuffer     = 16 << 10
	logFlushEvery = time.Second
)

// NewHostLogs writes into dir, made when the first host speaks. onError is told of the first
// failed write; later output is dropped, and the play goes on.
func NewHostLogs(dir string, onError func(error)) *HostLogs {
	return &HostLogs{dir: dir, logs: map[logKey]*hostLog{}, onError: onError}
}

// Handle records output; the end of a step brings what was said to the file.
func (l *HostLogs) Handle(ev runner.Event) {
	if l.failed || (ev.Type != runner.Output && ev.Type != runner.HostEnd && ev.Type != runner.StepEnd) {
		return
	}
	var err error
	if ev.Type == runner.StepEnd {
		err = l.flush()
	} else {
		err = l.handle(&ev)
	}
	if err != nil {
		l.failed = true
		report(l.onError, fmt.Errorf("write host logs: %w", err))
	}
}

// Close writes what is left. An error that was reported is not repeated.
func (l *HostLogs) Close() error {
	if l.failed {
		return nil
	}
	return l.flush()
}

func (l *HostLogs) flush() error {
	var errs []error
	for _, log := range l.logs {
		errs = append(errs, log.flush(l.dir))
	}
	return errors.Join(errs...)
}

func (l *HostLogs) handle(ev *runner.Event) error {
	key := logKey{ev.Host, -1}
	if ev.Index != nil {
		key.index = *ev.Index
	}
	log := l.logs[key]
	if ev.Type == runner.HostEnd {
		if log == nil {
			return nil
		}
		return log.flush(l.dir)
	}
	if log == nil {
		log = &hostLog{file: logName(key), begun: map[string]bool{}}
		l.logs[key] = log
	}
	log.add(ev)
	if len(log.buf) < logBuffer && ev.Time.Sub(log.flushed) < logFlushEvery {
		return nil
	}
	log.flushed = ev.Time
	return log.flush(l.dir)
}

// add appends a line or a part of one; a line of the other stream ends one that was begun.
func (h *hostLog) add(ev *runner.Event) {
	if h.open != "" && h.open != ev.Stream {
		h.buf = append(h.buf, '\n')
		h.open = ""
	}
	interrupted := h.begun[ev.Stream] && h.open == ""
	if ev.Bytes != nil {
		h.buf = append(h.buf, ev.Bytes...)
	} else {
		h.buf = append(h.buf, ev.Text...)
	}
	if ev.Part {
		h.open, h.begun[ev.Stream] = ev.Stream, true
		return
	}
	if !interrupted || ev.Text != "" || ev.Bytes != nil {
		h.buf = append(h.buf, '\n')
	}
	h.open = ""
	delete(h.begun, ev.Stream)
}

func (h *hostLog) flush(dir string) error {
	if len(h.buf) == 0 {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, h.file), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(h.buf)
	h.buf = shrink(h.buf, 4*logBuffer)
	return errors.Join(err, f.Close())
}

// logName is unique by the index; the name in it is for people, without what file names mind.
func logName(key logKey) string {
	if key.host == "" {
		return "controller.log"
	}
	safe := strings.Map(func(r rune) rune {
		if r < 0x80 && (r == '-' || r == '.' || r == '_' || (r >= '0' && r <= '9') || (r|0x20 >= 'a' && r|0x20 <= 'z')) {
			return r
		}
		return '_'
	}, key.host)
	safe = safe[:min(len(safe), 100)]
	if key.index < 0 {
		return "host-" + safe + ".log"
	}
	return strconv.Itoa(key.index) + "-" + safe + ".log"
}
