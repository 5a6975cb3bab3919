package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/lab"
	"github.com/gofab/gofab/runner"
)

func TestJSONLKeepsEveryEvent(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "events.jsonl")
	j, err := CreateJSONL(file, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	enc := json.NewEncoder(&want)
	enc.SetEscapeHTML(false)
	for _, ev := range search() {
		j.Handle(ev)
		if err := enc.Encode(ev); err != nil {
			t.Fatal(err)
		}
		if ev.Type != runner.Output {
			if got, _ := os.ReadFile(file); !bytes.Equal(got, want.Bytes()) {
				t.Fatalf("after %s the file lags behind", ev.Type)
			}
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(file); !bytes.Equal(got, want.Bytes()) {
		t.Errorf("got\n%s\nwant\n%s", got, want.Bytes())
	}
}

func TestFullDiskIsToldOnce(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left on device")
	told := 0
	j := NewJSONL(writerFunc(func([]byte) (int, error) { return 0, full }), func(err error) {
		if told++; !errors.Is(err, full) {
			t.Error(err)
		}
	})
	for range 3 {
		j.Handle(runner.Event{Type: runner.Notice, Text: "x"})
	}
	if err := j.Close(); err != nil || told != 1 {
		t.Errorf("told %d times, Close: %v", told, err)
	}
}

func TestSlowOutputIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	var seen int
	j := NewJSONL(writerFunc(func(p []byte) (int, error) { seen += bytes.Count(p, []byte("\n")); return len(p), nil }), nil)
	start := time.Now()
	for i, want := range []int{1, 1, 3} {
		ev := line(0, "x")
		ev.Time = start.Add(time.Duration(i) * flushEvery / 2)
		j.Handle(ev)
		if seen != want {
			t.Errorf("after %v %d lines are in the file", ev.Time.Sub(start), seen)
		}
	}
}

// The fast path writes what encoding/json would.
func FuzzAppendOutput(f *testing.F) {
	f.Add("plain", "step", "h", 3, true, int64(1e18))
	f.Add("<a&b> \"q\\\" \x00\x1f\x7f\b\f\n\r\t \u2028\u2029 \xff\xc3( 日本 \ufffd", "", "", -1, false, int64(0))
	f.Fuzz(func(t *testing.T, text, step, host string, index int, part bool, nanos int64) {
		ev := runner.Event{
			Time: time.Unix(0, nanos).In(time.FixedZone("", 3600)), Type: runner.Output, Step: step, Kind: step, Pos: text,
			Host: host, Stream: "stdout", Text: text, Part: part,
		}
		if index >= 0 {
			ev.Index = &index
		}
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(ev); err != nil {
			t.Fatal(err)
		}
		if got, ok := appendOutput(nil, &ev); !ok || string(got) != want.String() {
			t.Errorf("got  %s\nwant %s", got, want.String())
		}
	})
}

func TestHostLogs(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "logs")
	l := NewHostLogs(dir, func(err error) { t.Error(err) })
	evil := line(7, "x")
	evil.Host = "../../etc/passwd"
	binary := line(0, "")
	binary.Bytes = []byte{0xff, 0xfe}
	for _, ev := range []runner.Event{
		line(0, "one"), onStderr(line(0, "two")), part(0, "th"), line(1, "other"), line(0, "ree"), binary,
		part(0, "cut"), onStderr(line(0, "err")), line(0, ""), line(0, ""), evil,
		{Type: runner.Output, Stream: "stdout", Text: "here"},
	} {
		l.Handle(ev)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a few lines were not kept back")
	}
	l.Handle(runner.Event{Type: runner.StepEnd})
	want := map[string]string{
		"0-a.log": "one\ntwo\nthree\n\xff\xfe\ncut\nerr\n\n", "1-b.log": "other\n", "controller.log": "here\n", "7-.._.._etc_passwd.log": "x\n",
	}
	logsAre(t, dir, want)
	l.Handle(line(1, "more"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	want["1-b.log"] += "more\n"
	logsAre(t, dir, want)
}

func logsAre(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(want) {
		t.Errorf("%v, %v", entries, err)
	}
	for name, text := range want {
		if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != text {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// Nothing more has to happen for the last lines to be seen.
func TestRecordsAreWrittenAfterAWhile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := NewHostLogs(filepath.Join(dir, "logs"), func(err error) { t.Error(err) })
	defer l.Close()
	j, err := CreateJSONL(filepath.Join(dir, "events"), func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	start := time.Now()
	for i := range 3 {
		ev := line(0, "x")
		ev.Time = start.Add(time.Duration(i))
		l.Handle(ev)
		j.Handle(ev)
	}
	lab.Eventually(t, 20*time.Second, "both files are whole", func() bool {
		log, _ := os.ReadFile(filepath.Join(dir, "logs", "0-a.log"))
		events, _ := os.ReadFile(filepath.Join(dir, "events"))
		return string(log) == "x\nx\nx\n" && bytes.Count(events, []byte("\n")) == 3
	})
}

func TestHostLogsOfAThousandHosts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := NewHostLogs(dir, func(err error) { t.Error(err) })
	long := strings.Repeat("x", logBuffer)
	for i := range 1000 {
		l.Handle(runner.Event{Type: runner.Output, Stream: "stdout", Host: "h", Index: num(i), Text: long})
	}
	if fds, err := os.ReadDir("/proc/self/fd"); err == nil && len(fds) > 200 {
		t.Errorf("%d files are open", len(fds))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1000 {
		t.Errorf("%d logs", len(entries))
	}
}
