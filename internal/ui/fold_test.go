package ui

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gofab/gofab/runner"
)

// Of a thousand hosts that fail alike ten are shown, and the others named; what is different is shown.
func TestAThousandHostsFail(t *testing.T) {
	t.Parallel()
	on := func(i int, ev runner.Event) runner.Event {
		ev.Host, ev.Index, ev.Step, ev.Pos = fmt.Sprint("h", i), num(i), "run uptime", "p.yaml:3:5"
		return ev
	}
	events := []runner.Event{{Type: runner.StepStart, Step: "run uptime", Pos: "p.yaml:3:5"}}
	for i := range 1000 {
		down := runner.Event{Type: runner.HostEnd, Status: runner.Unreachable, Text: fmt.Sprintf("10.0.%d.%d:22: connection refused", i/256, i%256), Remedy: fmt.Sprintf("does h%d run?", i)}
		switch {
		case i == 500:
			down.Text = "10.0.1.244:22: its host key has changed"
		case i%3 == 1:
			down = runner.Event{Type: runner.HostEnd, Status: runner.Failed, Code: num(3)}
		case i%3 == 2:
			down = runner.Event{Type: runner.HostEnd, Status: runner.Failed, Code: num(3), Ignored: true}
		}
		events = append(events,
			on(i, runner.Event{Type: runner.Notice, Text: fmt.Sprintf("still waiting for 10.0.0.%d", i%256)}),
			on(i, runner.Event{Type: runner.HostRetry, Text: fmt.Sprintf("attempt 1 of 3 on h%d: exit status 1", i)}),
			on(i, runner.Event{Type: runner.HostRetry, Text: fmt.Sprintf("attempt 2 of 3 on h%d: exit status 1", i)}),
			on(i, down))
	}
	events = append(events, runner.Event{Type: runner.StepEnd, Status: runner.Failed, Step: "run uptime", Pos: "p.yaml:3:5", Text: "no host is left"})
	var tr transcript
	p := NewPlain(Stream{W: tr.stream("out")}, Stream{W: tr.stream("err")}, Options{})
	for _, ev := range events {
		p.Handle(ev)
	}
	golden(t, "fold-1000", tr.Bytes())

	tr.Reset()
	p = NewPlain(Stream{W: tr.stream("out")}, Stream{W: tr.stream("err")}, Options{Level: Verbose})
	for _, ev := range events {
		p.Handle(ev)
	}
	if n := strings.Count(tr.String(), "10.0.3.231:22: connection refused"); n != 1 || strings.Contains(tr.String(), "more host") {
		t.Errorf("with -v the last host is shown %d times:\n%.2000s", n, tr.String())
	}
}

// Kinds are told apart by what happened, and not by whom it happened to.
func TestKinds(t *testing.T) {
	t.Parallel()
	kind := func(host, text string, code *int) string {
		return kindOf(&runner.Event{Host: host, Code: code}, text)
	}
	for i, test := range []struct {
		a, b string
		same bool
	}{
		{kind("a", "a: failed", nil), kind("b", "b: failed", nil), true},
		{kind("a", "lookup a.example.com: no such host", nil), kind("b7", "lookup b7.example.com: no such host", nil), true},
		{kind("h1", "10.0.0.1:22: refused", nil), kind("h12", "10.0.0.12:2222: refused", nil), true},
		{kind("h1", "10.0.0.1:22: refused", nil), kind("h2", "10.0.0.2:22: timeout", nil), false},
		{kind("h1", "exit status 1", num(1)), kind("h2", "exit status 2", num(2)), false},
		{kind("h1", "h1: exit status 1", num(1)), kind("h2", "h2: exit status 1", num(1)), true},
	} {
		if (test.a == test.b) != test.same {
			t.Errorf("case %d: %q and %q", i, test.a, test.b)
		}
	}
}

func TestNameList(t *testing.T) {
	t.Parallel()
	many := make([]string, 30)
	for i := range many {
		many[i] = strings.Repeat("x", i+1)
	}
	for want, names := range map[string][]string{
		"a":                                   {"a"},
		"web01, b, 10.0.0.[4-5,9]":            {"web01", "b", "10.0.0.5", "10.0.0.9", "10.0.0.4"},
		"h[1-3], h[01-02]":                    {"h1", "h2", "h01", "h3", "h02"},
		strings.Join(many[:20], ", ") + ", …": many,
	} {
		if got := nameList(names); got != want {
			t.Errorf("%q: %s", names, got)
		}
	}
}
