// Package ui shows runs: each view is a reader of the one stream of events, and knows nothing of
// a run but what the events say.
//
// The rules of the terminal: stdout carries data (what remote commands and print steps say),
// stderr everything about the run, so that `gofab play … | jq` works. A line is one write, and
// no line is broken into by another. What remote machines send is not trusted: on a terminal
// control characters are shown, not obeyed; into pipes and files every byte passes unchanged.
// Colour is decided for each of the two streams.
package ui

import (
	"strings"

	"github.com/gofab/gofab/runner"
)

// Level is how much is said: the count of -v, or Quiet for -q.
type Level int

// The levels, each with all that the one before says.
const (
	Quiet   Level = iota - 1 // print steps, errors, warnings; the result only of a run that went wrong
	Normal                   // headings, output, notices, recap, result
	Verbose                  // how each step ended on each host
	Debug                    // starts, retries, positions, and events of unknown type
)

// Options of a Plain view. The zero value is a normal one.
type Options struct {
	Level Level
	Brief bool // without headings and sums: what was said, and what went wrong

	// OnWriteError is told of the first failed write to each stream; what comes later for that
	// stream is dropped. It is called from Handle and so must not emit events itself.
	OnWriteError func(error)
}

// Plain writes a run as lines of text. It is a runner.Sink; like any, it is not safe for
// concurrent use.
type Plain struct {
	level  Level
	brief  bool
	out    *outlet
	err    *outlet
	shared bool // both end up in one place

	hosts  []*host          // by index
	named  map[string]*host // those without a usable index
	play   string
	run    string
	failed map[string]bool // steps, by position, of which a failure was shown

	folds     map[string]*fold // by kind
	foldOrder []*fold
}

// NewPlain returns a view that writes to the two streams, unbuffered.
func NewPlain(stdout, stderr Stream, opt Options) *Plain {
	return &Plain{
		level:  opt.Level,
		brief:  opt.Brief,
		out:    &outlet{Stream: stdout, name: "stdout", onError: opt.OnWriteError},
		err:    &outlet{Stream: stderr, name: "stderr", onError: opt.OnWriteError},
		shared: sameTarget(stdout, stderr),
		named:  map[string]*host{},
		failed: map[string]bool{},
		folds:  map[string]*fold{},
	}
}

// Handle shows the event, if the level asks for it.
func (p *Plain) Handle(ev runner.Event) {
	switch ev.Type {
	case runner.Output:
		if p.level >= Normal {
			p.output(&ev)
		}
	case runner.Print:
		p.print(&ev)
	case runner.Warning:
		p.hostNote(Quiet, orange, "warning", &ev, ev.Text)
	case runner.HostEnd:
		p.hostEnd(&ev)
	case runner.StepEnd:
		p.stepEnd(&ev)
	case runner.RunStart:
		p.runStart(&ev)
	case runner.RunEnd:
		p.runEnd(&ev)
	default:
		p.progress(&ev)
	}
}

// Close ends a line that was begun.
func (p *Plain) Close() error {
	p.unfold()
	p.endOpenLine(p.out)
	p.out.flush()
	p.endOpenLine(p.err)
	p.err.flush()
	return nil
}

// progress shows what tells how far the run is.
func (p *Plain) progress(ev *runner.Event) {
	switch ev.Type {
	case runner.StepStart:
		p.heading(ev)
	case runner.Won:
		p.noteAt(Normal, green, "won: "+who(ev.Host), "after "+took(ev.Seconds))
	case runner.Notice:
		p.hostNote(Normal, "", "", ev, ev.Text)
	case runner.HostRetry:
		p.hostNote(Normal, grey, "retry", ev, at(ev))
	case runner.HostChange:
		p.noteAt(Debug, grey, string(ev.State)+": "+who(ev.Host), strings.TrimSpace(ev.Machine+" "+ev.Address))
	case runner.HostStart:
		p.noteAt(Debug, grey, "start: "+who(ev.Host), oneLine(ev.Step))
	default:
		p.noteAt(Debug, grey, string(ev.Type)+": "+who(ev.Host), ev.Text, ev.Remedy)
	}
}

func (p *Plain) print(ev *runner.Event) {
	text := ev.Text
	if ev.Bytes != nil {
		text = string(ev.Bytes)
	}
	o := p.out
	p.endOpenLine(o)
	if o.Terminal {
		o.buf = appendSafe(o.buf, text, "\n\t")
	} else {
		o.buf = append(o.buf, text...)
	}
	if !ev.Part {
		o.buf = append(o.buf, '\n')
	}
	o.flush()
}
