package ui

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofab/gofab/runner"
)

var update = flag.Bool("update", false, "write the golden files anew")

func num(n int) *int { return &n }

// transcript records what is written to two streams, in order, a line of it for every write.
type transcript struct{ bytes.Buffer }

func (tr *transcript) stream(mark string) writerFunc {
	return func(p []byte) (int, error) {
		text := strings.NewReplacer("\x1b", "␛", "\n", "⏎").Replace(string(p))
		tr.WriteString(mark + "| " + text + "\n")
		return len(p), nil
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
func (f writerFunc) Close() error                { return nil }

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what came out (go test -update):\n%s", file, got)
	}
}

// search is a run with a bit of everything.
func search() []runner.Event {
	step := func(ev runner.Event, name, kind, pos string) runner.Event {
		ev.Step, ev.Kind, ev.Pos = name, kind, pos
		return ev
	}
	machines := func(ev runner.Event) runner.Event {
		return step(ev, "provision", "provision", "search.yaml:8:5")
	}
	mine := func(ev runner.Event) runner.Event {
		return step(ev, "search everywhere", "run-parallel", "search.yaml:14:5")
	}
	on := func(i int, ev runner.Event) runner.Event {
		ev.Host, ev.Index = "local-"+string(rune('0'+i)), num(i)
		return mine(ev)
	}
	evs := []runner.Event{
		{Type: runner.RunStart, Run: "20261122-141530-search-k7qz", Play: "search"},
		machines(runner.Event{Type: runner.StepStart}),
		machines(runner.Event{Type: runner.Notice, Text: "4 machines at local, gone by themselves at 15:15"}),
		machines(runner.Event{Type: runner.StepEnd, Status: runner.OK, Seconds: 0.41}),
		on(0, runner.Event{Type: runner.HostChange, State: runner.HostReady, Machine: "i-0", Address: "127.0.0.1"}),
		mine(runner.Event{Type: runner.StepStart}),
		on(0, runner.Event{Type: runner.HostStart}),
		on(0, runner.Event{Type: runner.HostRetry, Text: "connection refused"}),
		on(0, runner.Event{Type: runner.Output, Stream: "stdout", Text: "golden nonce 116"}),
		on(1, runner.Event{Type: runner.Output, Stream: "stderr", Text: "tried 1000"}),
		on(1, runner.Event{Type: runner.Output, Stream: "stdout"}),
		on(0, runner.Event{Type: runner.HostEnd, Status: runner.OK, Code: num(0), Changed: true, Seconds: 1.2}),
		on(0, runner.Event{Type: runner.Won}),
		on(1, runner.Event{Type: runner.HostEnd, Status: runner.Stopped, Seconds: 1.25}),
		on(2, runner.Event{Type: runner.HostEnd, Status: runner.Failed, Code: num(2), Remedy: "is the nonce range empty?\nsee docs/miner.md", Seconds: 0.1}),
		on(3, runner.Event{Type: runner.HostEnd, Status: runner.Unreachable, Text: "dial tcp 127.0.0.1:2203: connection refused", Remedy: "does the machine run?", Seconds: 30}),
		on(4, runner.Event{Type: runner.HostEnd, Status: runner.Failed, Code: num(1), Ignored: true, Seconds: 0.1}),
		mine(runner.Event{Type: runner.StepEnd, Status: runner.Failed, Text: "2 of 5 hosts are lost", Seconds: 30.1}),
		step(runner.Event{Type: runner.StepStart}, "echo one\necho two", "local", "search.yaml:18:5"),
		step(runner.Event{Type: runner.StepEnd, Status: runner.Skipped, Text: "when: false"}, "echo one\necho two", "local", "search.yaml:18:5"),
		step(runner.Event{Type: runner.StepStart}, "print", "print", "search.yaml:20:5"),
		step(runner.Event{Type: runner.Print, Text: "nonce 116\nby local-0"}, "print", "print", "search.yaml:20:5"),
		{Type: runner.Warning, Text: "the bucket is nearly full", Remedy: "gofab prune"},
		step(runner.Event{Type: runner.StepStart}, "upload logs", "upload", "search.yaml:22:5"),
		step(runner.Event{Type: runner.StepEnd, Status: runner.Failed, Text: "no space left on device"}, "upload logs", "upload", "search.yaml:22:5"),
		{Type: "moved", Text: "of a later gofab"},
		{Type: runner.RunEnd, Run: "20261122-141530-search-k7qz", Code: num(2), Seconds: 125, Recap: []runner.HostRecap{
			{Host: "local-0", Index: 0, OK: 12, Changed: 2},
			{Host: "local-1", Index: 1, OK: 3, Stopped: 1},
			{Host: "local-2", Index: 2, OK: 3, Failed: 1},
			{Host: "local-3", Index: 3, Unreachable: 1, Skipped: 2},
			{Host: "local-4", Index: 4, OK: 3, Ignored: 1},
		}},
	}
	for i := range evs {
		evs[i].Time = time.Date(2026, 11, 22, 14, 15, 30+i, 0, time.UTC)
	}
	return evs
}

func TestPlainGolden(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		level Level
		color bool
	}{
		"quiet": {Quiet, false}, "normal": {Normal, false}, "color": {Normal, true},
		"verbose": {Verbose, false}, "debug": {Debug, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var tr transcript
			p := NewPlain(Stream{W: tr.stream("out"), Color: tc.color}, Stream{W: tr.stream("err"), Color: tc.color}, Options{Level: tc.level})
			for _, ev := range search() {
				p.Handle(ev)
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			golden(t, name, tr.Bytes())
		})
	}
}

func TestSuccessIsQuiet(t *testing.T) {
	t.Parallel()
	end := runner.Event{Type: runner.RunEnd, Run: "r", Code: num(0), Seconds: 3.2}
	for level, want := range map[Level]string{Quiet: "", Normal: "err| search: success in 3.2 s (run r)⏎\n"} {
		var tr transcript
		p := NewPlain(Stream{W: tr.stream("out")}, Stream{W: tr.stream("err")}, Options{Level: level})
		p.play = "search"
		p.Handle(end)
		if tr.String() != want {
			t.Errorf("level %d: %q", level, tr.String())
		}
	}
}

func TestWriteErrorIsToldOnce(t *testing.T) {
	t.Parallel()
	gone := errors.New("broken pipe")
	var told []error
	writes := 0
	out := writerFunc(func([]byte) (int, error) { writes++; return 0, gone })
	var stderr bytes.Buffer
	p := NewPlain(Stream{W: out}, Stream{W: &stderr}, Options{OnWriteError: func(err error) { told = append(told, err) }})
	for range 5 {
		p.Handle(runner.Event{Type: runner.Output, Stream: "stdout", Host: "h", Index: num(0), Text: "x"})
	}
	p.Handle(runner.Event{Type: runner.Warning, Text: "still here"})
	if len(told) != 1 || !errors.Is(told[0], gone) || writes != 1 {
		t.Errorf("told %v after %d writes", told, writes)
	}
	if stderr.String() != "warning: still here\n" {
		t.Errorf("stderr: %q", stderr.String())
	}
	// No callback, no panic.
	p = NewPlain(Stream{W: out}, Stream{W: out}, Options{})
	p.Handle(runner.Event{Type: runner.Warning, Text: "x"})
}
