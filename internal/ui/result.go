package ui

import (
	"cmp"
	"strconv"

	"github.com/gofab/gofab/runner"
)

func (p *Plain) runStart(ev *runner.Event) {
	p.play, p.run = ev.Play, ev.Run
	if p.level >= Normal && !p.brief {
		p.note(bold, "PLAY ["+oneLine(ev.Play)+"]", "run "+ev.Run)
	}
}

func (p *Plain) runEnd(ev *runner.Event) {
	p.unfold()
	if p.level >= Normal && !p.brief {
		p.recap(ev.Recap)
		p.cost(ev.Cost)
	}
	code := 0
	if ev.Code != nil {
		code = *ev.Code
	}
	play := cmp.Or(p.play, "play")
	tail := " in " + took(ev.Seconds) + " (run " + cmp.Or(ev.Run, p.run) + ")"
	if code != 0 {
		p.note(red, play+": "+verdict(code), "(exit "+strconv.Itoa(code)+")"+tail, ev.Text, ev.Remedy)
		return
	}
	if p.level >= Normal && !p.brief {
		p.note(green, play+": "+verdict(code), tail[1:], ev.Text, ev.Remedy)
	}
}

// verdict says what an exit code of gofab means.
func verdict(code int) string {
	switch code {
	case 0:
		return "success"
	case 2:
		return "a step failed"
	case 4:
		return "hosts unreachable"
	case 6:
		return "the playbook is invalid"
	case 7:
		return "deadline reached without success"
	case 8:
		return "budget reached without success"
	case 9:
		return "no host matched"
	case 10:
		return "scram incomplete: something may still be billing"
	case 130, 143:
		return "interrupted"
	}
	return "failed"
}
