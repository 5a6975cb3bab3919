package ui

import (
	"bytes"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gofab/gofab/runner"
)

func line(host int, text string) runner.Event {
	return runner.Event{Type: runner.Output, Stream: "stdout", Host: string(rune('a' + host)), Index: num(host), Text: text}
}

func part(host int, text string) runner.Event {
	ev := line(host, text)
	ev.Part = true
	return ev
}

func onStderr(ev runner.Event) runner.Event {
	ev.Stream = "stderr"
	return ev
}

func TestParts(t *testing.T) {
	t.Parallel()
	warning := runner.Event{Type: runner.Warning, Text: "w"}
	for name, tc := range map[string]struct {
		events   []runner.Event
		terminal bool
		want     string
	}{
		"continued":        {[]runner.Event{part(0, "1"), part(0, "2"), line(0, "3"), line(0, "4")}, false, "[a] 123⏎[a] 4⏎"},
		"interrupted":      {[]runner.Event{part(0, "1"), line(1, "x"), line(0, "2")}, false, "[a] 1⏎[b] x⏎[a] 2⏎"},
		"both go on":       {[]runner.Event{part(0, "1"), part(1, "x"), part(0, "2"), line(1, "y"), line(0, "")}, false, "[a] 1⏎[b] x⏎[a] 2⏎[b] y⏎"},
		"ended meanwhile":  {[]runner.Event{part(0, "1"), line(1, "x"), line(0, ""), line(0, "")}, false, "[a] 1⏎[b] x⏎[a] ⏎"},
		"empty lines":      {[]runner.Event{line(0, ""), line(0, "")}, false, "[a] ⏎[a] ⏎"},
		"never ended":      {[]runner.Event{part(0, "1")}, false, "[a] 1⏎"},
		"two files":        {[]runner.Event{part(0, "1"), onStderr(line(0, "e")), warning, line(0, "2")}, false, "[a] 1{[a] e⏎}{warning: w⏎}2⏎"},
		"one terminal":     {[]runner.Event{part(0, "1"), onStderr(line(0, "e")), warning, line(0, "2")}, true, "[a] 1⏎{[a] e⏎}{warning: w⏎}[a] 2⏎"},
		"begun on stderr":  {[]runner.Event{onStderr(part(0, "e")), line(1, "x"), onStderr(line(0, "f"))}, true, "{[a] e}{⏎}[b] x⏎{[a] f⏎}"},
		"print in between": {[]runner.Event{part(0, "1"), {Type: runner.Print, Text: "p"}, line(0, "2")}, false, "[a] 1⏎p⏎[a] 2⏎"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var all strings.Builder
			show := strings.NewReplacer("\n", "⏎")
			out := writerFunc(func(p []byte) (int, error) { return show.WriteString(&all, string(p)) })
			err := writerFunc(func(p []byte) (int, error) { return show.WriteString(&all, "{"+string(p)+"}") })
			p := NewPlain(Stream{W: out, Terminal: tc.terminal}, Stream{W: err, Terminal: tc.terminal}, Options{})
			for _, ev := range tc.events {
				p.Handle(ev)
			}
			p.Close()
			if all.String() != tc.want {
				t.Errorf("got  %s\nwant %s", all.String(), tc.want)
			}
		})
	}
}

func TestOneFileForBothStreams(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "log")
	var files [2]*os.File
	for i := range files {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	env := func(string) string { return "" }
	p := NewPlain(NewStream(files[0], Auto, env), NewStream(files[1], Auto, env), Options{})
	p.Handle(part(0, "1"))
	p.Handle(runner.Event{Type: runner.Warning, Text: "w"})
	p.Handle(line(0, "2"))
	if got, err := os.ReadFile(name); string(got) != "[a] 1\nwarning: w\n[a] 2\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTerminalIsNotSteered(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a\tb":                        "a\tb",
		"\x1b]0;owned\x07":            `\x1b]0;owned\x07`,
		"\x1b[2Jgone":                 `\x1b[2Jgone`,
		"c1 \u009b31m":                `c1 \u009b31m`,
		"latin1 \xe9":                 `latin1 \xe9`,
		"\x9b31m":                     `\x9b31m`,
		"rlo \u202e end":              `rlo \u202e end`,
		"größe 日本 \U0001f600 \ufffd":  "größe 日本 \U0001f600 \ufffd",
		"dos\r":                       "dos",
		"10%\r50%\r100%":              "100%",
		"10%\r50%\r":                  "50%",
		"del \x7f nul \x00 nl \n x\v": `del \x7f nul \x00 nl \x0a x\x0b`,
	} {
		ev := line(0, in)
		if !utf8.ValidString(in) {
			ev.Text, ev.Bytes = "", []byte(in)
		}
		var screen, file bytes.Buffer
		NewPlain(Stream{W: &screen, Terminal: true}, Stream{W: io.Discard}, Options{}).Handle(ev)
		NewPlain(Stream{W: &file}, Stream{W: io.Discard}, Options{}).Handle(ev)
		if got := screen.String(); got != "[a] "+want+"\n" {
			t.Errorf("%q on a terminal: %q", in, got)
		}
		if got := file.String(); got != "[a] "+in+"\n" {
			t.Errorf("%q in a file: %q", in, got)
		}
	}
}

// Whatever stands in whichever field, no control character but ours reaches a terminal.
func TestNoFieldSteersTheTerminal(t *testing.T) {
	t.Parallel()
	evil := "a\x1b[2J\u009b\r\x07b"
	for _, typ := range eventTypes(t) {
		for _, status := range []runner.Status{runner.OK, runner.Failed, runner.Skipped, runner.Status(evil)} {
			var screen bytes.Buffer
			s := Stream{W: &screen, Terminal: true}
			p := NewPlain(s, s, Options{Level: Debug})
			p.Handle(runner.Event{
				Type: runner.EventType(typ), Run: evil, Play: evil, Step: evil, Kind: evil, Pos: evil, Host: evil, Index: num(0),
				Status: status, Stream: evil, Text: evil, Code: num(2), Remedy: evil, Recap: []runner.HostRecap{{Host: evil}},
			})
			if screen.Len() == 0 || strings.ContainsAny(screen.String(), "\x1b\u009b\r\x07") {
				t.Errorf("%s, %s: %q", typ, status, screen.String())
			}
		}
	}
}

// Lines of many hosts, long and in pieces, binary and empty: every host's bytes arrive in order.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewSource(1))
	const hosts = 8
	var want [hosts]bytes.Buffer
	var out bytes.Buffer
	writes := 0
	p := NewPlain(Stream{W: writerFunc(func(b []byte) (int, error) { writes++; return out.Write(b) })}, Stream{W: io.Discard}, Options{})
	for range 400 {
		h := rnd.Intn(hosts)
		data := make([]byte, rnd.Intn(200))
		if rnd.Intn(50) == 0 {
			data = make([]byte, 1<<20)
		}
		rnd.Read(data)
		data = bytes.ReplaceAll(data, []byte("\n"), nil)
		ev := line(h, "")
		ev.Bytes, ev.Part = data, rnd.Intn(3) == 0
		p.Handle(ev)
		want[h].Write(data)
	}
	if writes != 400 {
		t.Errorf("%d writes for 400 lines and parts", writes)
	}
	p.Close()
	var got [hosts]bytes.Buffer
	for l := range bytes.Lines(out.Bytes()) {
		if len(l) < 5 || l[0] != '[' || string(l[2:4]) != "] " {
			t.Fatalf("a line begins with %q", l[:min(len(l), 20)])
		}
		got[l[1]-'a'].Write(bytes.TrimSuffix(l[4:], []byte("\n")))
	}
	for h := range hosts {
		if !bytes.Equal(got[h].Bytes(), want[h].Bytes()) {
			t.Errorf("host %d: %d bytes of %d", h, got[h].Len(), want[h].Len())
		}
	}
}

func BenchmarkOutput(b *testing.B) {
	evs := make([]runner.Event, 8)
	text := strings.Repeat("tried 123456 nonces, none ", 3)
	for h := range evs {
		evs[h] = line(h, text)
		evs[h].Step, evs[h].Kind, evs[h].Pos = "search everywhere", "run-parallel", "search.yaml:14:5"
	}
	plain := func(s Stream) runner.Sink { return NewPlain(s, s, Options{}) }
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer null.Close()
	for _, bc := range []struct {
		name string
		sink runner.Sink
	}{
		{"file", plain(Stream{W: null})},
		{"terminal", plain(Stream{W: null, Terminal: true, Color: true})},
		{"jsonl", NewJSONL(null, nil)},
		{"hostlogs", NewHostLogs(b.TempDir(), nil)},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.SetBytes(int64(len(text) + 1))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				bc.sink.Handle(evs[i%8])
			}
		})
	}
}
