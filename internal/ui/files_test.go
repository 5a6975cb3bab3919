package ui

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofab/gofab/runner"
)

// withoutFiles runs f while this process can open no file. Nothing else may run meanwhile.
func withoutFiles(t *testing.T, f func()) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	few := limit
	few.Cur = 100
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	for {
		file, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		defer file.Close()
	}
	f()
}

// What is said while no file can be opened is written when one can; what a log that is open makes
// room for is written at once.
func TestRecordsWithoutFiles(t *testing.T) {
	dir := t.TempDir()
	l := NewHostLogs(dir, func(err error) { t.Error(err) })
	h := NewHosts(filepath.Join(dir, "hosts.json"), func(err error) { t.Error(err) })
	long := strings.Repeat("x", logBuffer)
	say := func(i int) {
		l.Handle(runner.Event{Type: runner.Output, Stream: "stdout", Host: "h", Index: num(i), Text: long})
	}
	withoutFiles(t, func() {
		h.Handle(runner.Event{Type: runner.HostChange, Host: "h0", Index: num(0), State: runner.HostReady, Time: time.Now()})
		for range 3 {
			say(0)
		}
		time.Sleep(3 * writeEvery)
	})
	say(1)
	withoutFiles(t, func() {
		say(2)
		if l.open > 1 {
			t.Errorf("%d logs are open", l.open)
		}
	})
	if log, err := os.ReadFile(filepath.Join(dir, "2-h.log")); len(log) != logBuffer+1 {
		t.Errorf("%d bytes, %v", len(log), err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if log, _ := os.ReadFile(filepath.Join(dir, "0-h.log")); len(log) != 3*(logBuffer+1) {
		t.Errorf("%d bytes of the first host", len(log))
	}
	if now, err := ReadHosts(filepath.Join(dir, "hosts.json")); err != nil || len(now.Hosts) != 1 {
		t.Errorf("%+v, %v", now, err)
	}
	if l.held != 0 {
		t.Errorf("%d bytes are held", l.held)
	}
}

// Memory is bounded all the same.
func TestRecordsWithoutFilesForLong(t *testing.T) {
	var told []string
	l := NewHostLogs(t.TempDir(), func(err error) { told = append(told, err.Error()) })
	withoutFiles(t, func() {
		long := strings.Repeat("x", 1<<20)
		for i := range 200 {
			l.Handle(runner.Event{Type: runner.Output, Stream: "stdout", Host: "h", Index: num(i % 7), Text: long})
		}
	})
	if len(told) != 1 || !strings.Contains(told[0], "too many open files") || l.held > mostHeld+1<<21 {
		t.Errorf("%q, %d bytes held", told, l.held)
	}
}
