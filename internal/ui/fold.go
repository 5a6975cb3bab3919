package ui

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gofab/gofab/runner"
)

// A thousand hosts fail alike. What the first sameShown hosts have to say is shown when they do; of
// the others there is one line when the step ends, with at most foldNames names or ranges of names.
const (
	sameShown = 10
	foldNames = 20
)

// fold is a kind of message about hosts.
type fold struct {
	color color
	label string
	shown []string        // hosts of which all are shown
	kept  []string        // hosts of which none are
	known map[string]bool // those of kept
}

// hostNote writes a message about a host, or keeps the host's name for the line at the step's end.
func (p *Plain) hostNote(level Level, c color, label string, ev *runner.Event, text string) {
	switch {
	case p.level < level:
	case p.level < Verbose && ev.Host != "" && p.keep(c, label, ev, text):
	case label == "":
		p.note(c, who(ev.Host), text, ev.Remedy)
	default:
		p.note(c, label+": "+who(ev.Host), text, ev.Remedy)
	}
}

// keep tells whether enough hosts had such a message shown.
func (p *Plain) keep(c color, label string, ev *runner.Event, text string) bool {
	key := label + "\x00" + ev.Pos + "\x00" + kindOf(ev, text+"\x00"+ev.Remedy)
	f := p.folds[key]
	if f == nil {
		f = &fold{color: c, label: label, known: map[string]bool{}}
		p.folds[key] = f
		p.foldOrder = append(p.foldOrder, f)
	}
	if len(f.shown) < sameShown && !slices.Contains(f.shown, ev.Host) {
		f.shown = append(f.shown, ev.Host)
	}
	if slices.Contains(f.shown, ev.Host) {
		return false
	}
	if !f.known[ev.Host] {
		f.known[ev.Host] = true
		f.kept = append(f.kept, ev.Host)
	}
	return true
}

// kindOf is what messages of many hosts share: all but the host's name and the numbers in it, such as
// those of its address. A command's status stays, for it says what happened.
func kindOf(ev *runner.Event, text string) string {
	if strings.Contains(text, ev.Host) {
		text = regexp.MustCompile(`\b`+regexp.QuoteMeta(ev.Host)+`\b`).ReplaceAllLiteralString(text, "\x00")
	}
	if ev.Code == nil {
		text = digits.ReplaceAllLiteralString(text, "0")
	}
	return text
}

var digits = regexp.MustCompile(`[0-9]+`)

// unfold writes what was kept back.
func (p *Plain) unfold() {
	for _, f := range p.foldOrder {
		if n := len(f.kept); n > 0 {
			label, plural := f.label, "s"
			if label != "" {
				label += ":"
			}
			if n == 1 {
				plural = ""
			}
			p.note(f.color, label, fmt.Sprintf("%d more host%s, much like %s: %s", n, plural, who(f.shown[0]), nameList(f.kept)))
		}
	}
	clear(p.folds)
	p.foldOrder = p.foldOrder[:0]
}

// nameList writes names in the order in which they come, those that differ in a number as one, and
// at most foldNames of them.
func nameList(hosts []string) string {
	var labels []string // "": those of a shape
	var shapes []shape
	numbers := map[shape][]int{}
	for _, h := range hosts {
		s, number, ok := splitName(h)
		switch {
		case !ok:
			labels, shapes = append(labels, h), append(shapes, shape{})
		case numbers[s] == nil:
			labels, shapes = append(labels, ""), append(shapes, s)
			fallthrough
		default:
			numbers[s] = append(numbers[s], number)
		}
	}
	left := foldNames
	for i, s := range shapes {
		if left <= 0 {
			labels = append(labels[:i], "…")
			break
		}
		if labels[i] != "" {
			left--
			continue
		}
		parts := ranges(numbers[s], s.width)
		if len(parts) > left {
			parts = append(parts[:left], "…")
		}
		left -= len(parts)
		labels[i] = s.label(parts)
	}
	return strings.Join(labels, ", ")
}
