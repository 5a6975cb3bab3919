package ui

import (
	"strconv"
	"strings"

	"github.com/gofab/gofab/runner"
)

func (p *Plain) heading(ev *runner.Event) {
	delete(p.failed, ev.Pos)
	if p.level < Normal || p.brief {
		return
	}
	where := ""
	if p.level >= Debug {
		where = strings.TrimSpace(ev.Kind + " " + ev.Pos)
	}
	p.blankLine()
	p.note(bold, "STEP ["+oneLine(ev.Step)+"]", where)
}

// blankLine is the empty line above a heading.
func (p *Plain) blankLine() {
	p.endOpenLine(p.err)
	p.err.buf = append(p.err.buf, '\n')
}

// hostEnd shows failures always, and at Verbose how it went everywhere.
func (p *Plain) hostEnd(ev *runner.Event) {
	switch {
	case bad(ev.Status) && ev.Ignored:
		p.hostNote(Normal, orange, string(ev.Status)+" (ignored)", ev, at(ev))
	case bad(ev.Status):
		p.fail(ev)
	case ev.Status == runner.OK && ev.Changed:
		p.noteAt(Verbose, orange, "changed: "+who(ev.Host), ending(ev))
	case ev.Status == runner.OK:
		p.noteAt(Verbose, green, "ok: "+who(ev.Host), ending(ev))
	default:
		p.noteAt(Verbose, grey, string(ev.Status)+": "+who(ev.Host), ending(ev))
	}
}

// stepEnd shows a failure that no host has told of already. One that is ignored is the step's own: those
// of hosts make no step fail.
func (p *Plain) stepEnd(ev *runner.Event) {
	p.unfold()
	switch {
	case bad(ev.Status) && ev.Ignored:
		p.noteAt(Normal, orange, string(ev.Status)+" (ignored): ", at(ev), ev.Remedy)
	case bad(ev.Status) && (!p.failed[ev.Pos] || ev.Remedy != ""):
		p.fail(ev)
	case ev.Status == runner.Skipped:
		p.noteAt(Normal, grey, "skipped: ", ev.Text)
	case ev.Status == runner.OK && ev.Text != "":
		p.noteAt(Normal, green, "ok:", ending(ev))
	default:
		p.noteAt(Debug, grey, "step "+string(ev.Status)+":", ending(ev))
	}
}

func (p *Plain) fail(ev *runner.Event) {
	p.failed[ev.Pos] = true
	p.hostNote(Quiet, red, string(ev.Status), ev, at(ev))
}

func bad(s runner.Status) bool { return s == runner.Failed || s == runner.Unreachable }

// ending is what there is to say of an end that is no failure.
func ending(ev *runner.Event) string {
	var parts []string
	if ev.Code != nil && *ev.Code != 0 {
		parts = append(parts, "exit status "+strconv.Itoa(*ev.Code))
	}
	if ev.Text != "" {
		parts = append(parts, ev.Text)
	}
	if ev.Status != runner.Skipped {
		parts = append(parts, took(ev.Seconds))
	}
	return strings.Join(parts, ", ")
}
