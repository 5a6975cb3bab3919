package ui

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gofab/gofab/runner"
)

// HostLogs writes what each host's commands said, stdout and stderr in the order in which they
// came, to files like 3-local-3.log. Few files stay open between writes, so a thousand hosts need
// hardly more descriptors than one; a host that says nothing has no file. It is a runner.Sink.
type HostLogs struct {
	dir     string
	onError func(error)

	mu     sync.Mutex // Handle's, and of the timer
	logs   map[logKey]*hostLog
	open   int         // files
	most   int         // that may stay open
	held   int         // bytes that no file could be opened for
	later  *time.Timer // is to flush; nil: there is nothing to flush
	failed bool
	closed bool
}

type logKey struct {
	host  string
	index int // -1: none
}

type hostLog struct {
	name    string
	file    *os.File // nil: not open
	buf     []byte
	held    int // of it, what counts among those that no file could be opened for
	flushed time.Time
	open    string // the stream whose line was begun and not ended
	begun   map[string]bool
}

const (
	logBuffer     = 16 << 10
	logFlushEvery = time.Second // for somebody who follows the file
	mostHeld      = 64 << 20
)

// NewHostLogs writes into dir, made when the first host speaks. onError is told of the first
// failed write; later output is dropped, and the play goes on.
func NewHostLogs(dir string, onError func(error)) *HostLogs {
	return &HostLogs{dir: dir, logs: map[logKey]*hostLog{}, most: openLogs(), onError: onError}
}

// openLogs is how many logs may stay open: a small share of the files that this process may open,
// because connections and copies need them more.
func openLogs() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(64, 1+uint64(limit.Cur)/128))
}

// Handle records output; the end of a step brings what was said to the file.
func (l *HostLogs) Handle(ev runner.Event) {
	if ev.Type != runner.Output && ev.Type != runner.StepEnd {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed {
		return
	}
	if ev.Type == runner.StepEnd {
		l.fail(l.flush())
	} else {
		l.fail(l.output(&ev))
	}
}

func (l *HostLogs) fail(err error) {
	if err != nil {
		l.failed = true
		report(l.onError, fmt.Errorf("write host logs: %w", err))
	}
}

// Close writes what is left. An error that was reported is not repeated.
func (l *HostLogs) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	var errs []error
	if !l.failed {
		errs = append(errs, l.flush())
	}
	for _, log := range l.logs {
		if log.file != nil {
			errs = append(errs, log.file.Close())
		}
	}
	return errors.Join(errs...)
}

func (l *HostLogs) flush() error {
	if l.later != nil {
		l.later.Stop()
		l.later = nil
	}
	var errs []error
	for _, log := range l.logs {
		errs = append(errs, l.write(log))
	}
	return errors.Join(errs...)
}

func (l *HostLogs) flushLate() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed && !l.failed {
		l.fail(l.flush())
	}
}

func (l *HostLogs) output(ev *runner.Event) error {
	key := logKey{ev.Host, -1}
	if ev.Index != nil {
		key.index = *ev.Index
	}
	log := l.logs[key]
	if log == nil {
		log = &hostLog{name: logName(key), begun: map[string]bool{}}
		l.logs[key] = log
	}
	log.add(ev)
	if quiet := ev.Time.Sub(log.flushed); len(log.buf) < logBuffer && quiet >= 0 && quiet < logFlushEvery {
		if l.later == nil {
			l.later = time.AfterFunc(logFlushEvery, l.flushLate)
		}
		return nil
	}
	log.flushed = ev.Time
	return l.write(log)
}

// write brings what a host has said to its file.
func (l *HostLogs) write(log *hostLog) (err error) {
	if len(log.buf) == 0 {
		return nil
	}
	f := log.file
	if f == nil {
		if f, err = l.openLog(log.name); err != nil {
			return l.hold(log, err)
		}
		if l.open < l.most {
			l.open++
			log.file = f
		} else {
			defer func() { err = errors.Join(err, f.Close()) }()
		}
	}
	_, err = f.Write(log.buf)
	log.buf = shrink(log.buf, 4*logBuffer)
	l.held -= log.held
	log.held = 0
	return err
}

// openLog opens a file. Where no more can be opened, one of those that stayed open makes room.
func (l *HostLogs) openLog(name string) (*os.File, error) {
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return nil, err
	}
	open := func() (*os.File, error) {
		return os.OpenFile(filepath.Join(l.dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	}
	f, err := open()
	for _, other := range l.logs {
		if !noFiles(err) {
			break
		}
		if other.file != nil {
			err = other.file.Close()
			other.file = nil
			l.open--
			if err == nil {
				f, err = open()
			}
		}
	}
	return f, err
}

// hold keeps what a host has said while no file can be opened for it: connections end, and at the
// latest when all have ended there is one.
func (l *HostLogs) hold(log *hostLog, err error) error {
	l.held += len(log.buf) - log.held
	log.held = len(log.buf)
	if !noFiles(err) || l.held > mostHeld {
		return err
	}
	return nil
}

// noFiles tells whether err comes from the limit on open files, of this process or this computer.
func noFiles(err error) bool { return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) }

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
