package remote_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/lab"
	"github.com/gofab/gofab/internal/remote"
	"github.com/gofab/gofab/runner"
)

var hereExec execFunc = remote.Here

// stubborn are tasks that do not want to end.
var stubborn = map[string]string{
	"obedient":   "echo ready; sleep 1000",
	"ignores":    "trap '' TERM INT HUP; echo ready; sleep 1000; sleep 1000; sleep 1000",
	"background": "sleep 1000 & (sleep 1000; sleep 1000) & echo ready; sleep 1000",
	"exec":       "echo ready; exec sleep 1000",
	"setsid":     "setsid sleep 1000 & sleep 0.2; echo ready; wait",
	"daemon":     "trap '' TERM; (setsid sh -c 'trap \"\" TERM HUP; sleep 1000; sleep 1000' >/dev/null 2>&1 &) & sleep 0.3; echo ready; sleep 1000",
	"all": "trap '' TERM INT HUP QUIT; (while :; do sleep 1000; done) & setsid sh -c \"trap '' TERM; while :; do sleep 1000; done\" & " +
		"sleep 0.2; echo ready; while :; do sleep 1000; done",
	"forks":             "trap '' TERM; echo ready; while :; do sleep 1000 & sleep 0.01; done",
	"replace":           "f() { sh -c \"$0\" & }; trap '' TERM; echo ready; while :; do sh -c 'trap \"\" TERM; sleep 0.02; sleep 1000 & exit' & sleep 0.02; done",
	"no mark":           "trap '' TERM; set -m; env -i sh -c \"trap '' TERM; sleep 1000; sleep 1000\" & sleep 0.2; echo ready; wait",
	"stopped":           "echo ready; kill -STOP $$",
	"all stopped":       "sleep 1000 & echo ready; kill -STOP 0",
	"all stopped later": "k=kil; (setsid sh -c 'sleep 1; echo ready' &); sleep 0.5; ${k}l -STOP 0; sleep 1000", // what it will do does not show
}

func TestCancel(t *testing.T) {
	t.Parallel()
	onShells(t, func(t *testing.T, h *host, c runner.Conn) { cancelAll(t, c.Exec) })
}

func cancelAll(t *testing.T, exec execFunc) {
	for name, text := range stubborn {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			took := begin(t, exec, runner.Command{Text: text}).stop(t, soon)
			t.Logf("ended after %v", took.Round(time.Millisecond))
		})
	}
}

// A task that cleans up when it is told to stop has its grace for that, and its last words arrive.
func TestGrace(t *testing.T) {
	t.Parallel()
	onShells(t, func(t *testing.T, h *host, c runner.Conn) {
		for name, exec := range map[string]execFunc{"host": c.Exec, "here": hereExec} {
			file := filepath.Join(t.TempDir(), "clean")
			k := begin(t, exec, runner.Command{
				Text:  "trap 'sleep 2; echo clean >" + file + "; echo last words; exit 0' TERM; echo ready; while :; do sleep 0.1; done",
				Grace: 10 * time.Second,
			})
			if took := k.stop(t, 9*time.Second); took < 1900*time.Millisecond {
				t.Errorf("%s: ended after %v", name, took)
			}
			if _, err := os.Stat(file); err != nil || !k.out.has("last words") {
				t.Errorf("%s: cut short: %v", name, err)
			}
			// The grace is not for ever, and may be short.
			k = begin(t, exec, runner.Command{Text: "trap '' TERM; echo ready; while :; do sleep 0.1; done", Grace: 300 * time.Millisecond})
			if took := k.stop(t, soon); took < 300*time.Millisecond {
				t.Errorf("%s: KILL after %v", name, took)
			}
		}
	})
}

// Many programs take a second TERM for "now".
func TestOneTERM(t *testing.T) {
	t.Parallel()
	onShells(t, func(t *testing.T, h *host, c runner.Conn) {
		k := begin(t, c.Exec, runner.Command{
			Text: "trap 'echo got TERM' TERM; setsid sh -c \"trap 'echo stray got TERM' TERM; while :; do sleep 0.05; done\" & " +
				"sleep 0.2; echo ready; while :; do sleep 0.05; done",
		})
		k.stop(t, soon)
		if got := k.out.text.String(); strings.Count(got, "\ngot TERM") != 1 || strings.Count(got, "stray got TERM") != 1 {
			t.Errorf("%q", got)
		}
	})
}

func TestCancelledBeforeItStarts(t *testing.T) {
	t.Parallel()
	h := serve(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errStop)
	for name, exec := range map[string]execFunc{"host": h.dial(t).Exec, "here": hereExec} {
		if _, err := exec(ctx, runner.Command{Text: "touch " + h.Home + "/there"}, io.Discard, io.Discard); !errors.Is(err, errStop) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(h.Home, "there")); err == nil {
		t.Error("it has run")
	}
}

// Whenever the cancel comes, nothing hangs and nothing is left: no process, session or goroutine. TERM
// arrives, or the grace of a minute would be used up.
func TestCancelAtRandomMoments(t *testing.T) { // alone, to count goroutines
	h := serve(t)
	c := h.dial(t)
	cancelAtRandom(t, c, 200)
	lab.Eventually(t, 5*time.Second, "the host's sessions end", func() bool { return len(h.Commands()) == 0 })
}

func cancelAtRandom(t *testing.T, c runner.Conn, times int) {
	t.Helper()
	if _, err := c.Exec(t.Context(), runner.Command{}, io.Discard, io.Discard); err != nil { // now both sides are up
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // goroutines of that command go; nothing tells when
	before := runtime.NumGoroutine()
	mark := "random-moments-" + time.Now().String()
	cmd := runner.Command{Text: "sleep 1000 & sleep 1000", Env: map[string]string{"MARK": mark}, Grace: time.Minute}
	limit := make(chan struct{}, 4)
	runner.Each(t.Context(), times, 0, func(ctx context.Context, i int) {
		limit <- struct{}{}
		defer func() { <-limit }()
		ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(rand.N(60))*time.Millisecond, errStop)
		defer cancel()
		exec, cmd := c.Exec, cmd
		cmd.Race = i%2 == 0
		if i%4 == 3 {
			exec = remote.Here
		}
		began := time.Now()
		if _, err := exec(ctx, cmd, io.Discard, io.Discard); !errors.Is(err, errStop) || time.Since(began) > soon {
			t.Errorf("%d: %v, after %v", i, err, time.Since(began))
		}
	})
	lab.Gone(t, mark, 0)
	defer func() {
		if t.Failed() {
			pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
		}
	}()
	lab.Eventually(t, 5*time.Second, "goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

// A command that has ended before the cancel has a status, whatever it left in the background.
func TestCancelAfterTheEnd(t *testing.T) {
	t.Parallel()
	cancelAfterTheEnd(t, hereExec)
}

func cancelAfterTheEnd(t *testing.T, exec execFunc) {
	t.Helper()
	var out lines
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	go func() {
		for !out.has("done") {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(500 * time.Millisecond) // while the sleep holds the output
		cancel(errStop)
	}()
	if status, err := exec(ctx, runner.Command{Text: "sleep 5 & echo done; exit 3"}, &out, &out); status != 3 || err != nil {
		t.Errorf("%d, %v", status, err)
	}
}

// A task may run gofab, and so a task of its own, which carries the marks of both.
func TestTaskOfATask(t *testing.T) {
	t.Setenv("GOFAB_TASK", "outer")
	var out lines
	if _, err := remote.Here(t.Context(), runner.Command{Text: "echo $GOFAB_TASK"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if mark := out.text.String(); !strings.HasPrefix(mark, "outer.") {
		t.Errorf("the mark is %q", mark)
	}
}

// A command that needs no supervisor is cancelled though a profile's process holds its output.
func TestCancelUnsupervised(t *testing.T) {
	t.Parallel()
	login := t.TempDir() + "/login"
	check(t, os.WriteFile(login, []byte("#!/bin/sh\nsleep 30 &\nsleep 1\nexec sh \"$@\"\n"), 0o755))
	c := serveShell(t, shell{login, []string{"PATH=" + os.Getenv("PATH")}}).dial(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(time.Second/2, func() { cancel(errStop) })
	if _, err := c.Exec(ctx, runner.Command{Text: "true"}, io.Discard, io.Discard); err != errStop {
		t.Error(err)
	}
}
