package ui

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofab/gofab/runner"
)

// note writes one message to stderr: the label in colour, the text after it, and under them,
// indented, the further lines of the text and of more, which may be empty.
func (p *Plain) note(c color, label, text string, more ...string) {
	o := p.err
	p.endOpenLine(o)
	label = strings.TrimRight(label, " ")
	if text == "" {
		label = strings.TrimSuffix(label, ":")
	}
	o.style(c, label)
	if label != "" && text != "" {
		o.buf = append(o.buf, ' ')
	}
	o.indented(text)
	for _, m := range more {
		if m != "" {
			o.buf = append(o.buf, "\n  "...)
			o.indented(m)
		}
	}
	o.buf = append(o.buf, '\n')
	o.flush()
}

func (p *Plain) noteAt(level Level, c color, label, text string, more ...string) {
	if p.level >= level {
		p.note(c, label, text, more...)
	}
}

func (o *outlet) style(c color, text string) {
	if o.Terminal {
		text = string(appendSafe(nil, text, "\n\t"))
	}
	if o.Color && c != "" && text != "" {
		o.buf = c.append(o.buf, text)
	} else {
		o.buf = append(o.buf, text...)
	}
}

func (o *outlet) indented(text string) {
	text = strings.ReplaceAll(strings.TrimRight(text, "\r\n"), "\n", "\n  ")
	if o.Terminal {
		o.buf = appendSafe(o.buf, text, "\n\t")
	} else {
		o.buf = append(o.buf, text...)
	}
}

// who is a host as messages name it.
func who(host string) string {
	if host == "" {
		return ""
	}
	return "[" + host + "]"
}

// at is the step, where it stands in the playbook, and what happened.
func at(ev *runner.Event) string {
	s := oneLine(ev.Step)
	if ev.Pos != "" {
		s += " (" + ev.Pos + ")"
	}
	if reason := reason(ev); reason != "" && s != "" {
		s += ": " + reason
	} else {
		s += reason
	}
	return strings.TrimSpace(s)
}

func reason(ev *runner.Event) string {
	if ev.Text == "" && ev.Code != nil {
		return "exit status " + strconv.Itoa(*ev.Code)
	}
	return ev.Text
}

const stepWidth = 100

// oneLine is a step's name as far as it fits a heading: a name may be a whole script.
func oneLine(step string) string {
	line, rest, _ := strings.Cut(strings.TrimSpace(step), "\n")
	cut := rest != ""
	if utf8.RuneCountInString(line) > stepWidth {
		line, cut = string([]rune(line)[:stepWidth]), true
	}
	if cut {
		return strings.TrimSpace(line) + " …"
	}
	return line
}

// took is a duration as people say it: 3.2 s, 2 min 5 s, 1 h 3 min.
func took(seconds float64) string {
	switch d := time.Duration(seconds * float64(time.Second)).Round(time.Second); {
	case seconds < 59.95:
		return strconv.FormatFloat(seconds, 'f', 1, 64) + " s"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + " min " + strconv.Itoa(int(d%time.Minute/time.Second)) + " s"
	default:
		return strconv.Itoa(int(d/time.Hour)) + " h " + strconv.Itoa(int(d%time.Hour/time.Minute)) + " min"
	}
}
