package ui

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gofab/gofab/runner"
)

// foldAbove is how many hosts a recap lists one by one; of more, those that counted the same share
// a line.
const foldAbove = 40

// labelWidth is the widest label that the columns make room for.
const labelWidth = 40

// recapRow is a line of the recap: a host or several that ended alike.
type recapRow struct {
	label string
	count runner.HostRecap
	many  int // hosts in it
}

func (p *Plain) recap(hosts []runner.HostRecap) {
	if len(hosts) == 0 {
		return
	}
	rows := foldRecap(hosts)
	p.blankLine()
	p.note(bold, "RECAP", "")
	width := 0
	for _, r := range rows {
		if n := utf8.RuneCountInString(r.label); n <= labelWidth {
			width = max(width, n)
		}
	}
	widths := columnWidths(rows)
	for _, r := range rows {
		pad := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(r.label)))
		p.note(rowColor(r.count), r.label, pad+" : "+counts(r, widths))
	}
}

func healthy(c runner.HostRecap) bool { return c.Unreachable == 0 && c.Failed == 0 }

func rowColor(c runner.HostRecap) color {
	switch {
	case !healthy(c):
		return red
	case c.Changed > 0 || c.Ignored > 0:
		return orange
	}
	return green
}

// foldRecap keeps the order in which the hosts come; a fold stands where its first host did.
func foldRecap(hosts []runner.HostRecap) []recapRow {
	type key struct {
		count runner.HostRecap
		shape shape
	}
	var rows []recapRow
	numbers := map[key][]int{}
	at := map[key]int{}
	for _, h := range hosts {
		name, number, ok := splitName(h.Host)
		if len(hosts) <= foldAbove || !ok {
			rows = append(rows, recapRow{label: h.Host, count: h, many: 1})
			continue
		}
		k := key{h, name}
		k.count.Host, k.count.Index = "", 0
		if _, seen := at[k]; !seen {
			at[k] = len(rows)
			rows = append(rows, recapRow{label: h.Host, count: h})
		}
		rows[at[k]].many++
		numbers[k] = append(numbers[k], number)
	}
	for k, ns := range numbers {
		if r := &rows[at[k]]; r.many > 1 {
			r.label = k.shape.label(ranges(ns, k.shape.width))
		}
	}
	return rows
}

// columns are the counts in Ansible's order; those after the fifth are shown only if not zero.
func columns(c runner.HostRecap) []string {
	named := func(name string, n int) string { return name + "=" + strconv.Itoa(n) }
	cols := []string{
		named("ok", c.OK), named("changed", c.Changed), named("unreachable", c.Unreachable),
		named("failed", c.Failed), named("skipped", c.Skipped),
	}
	if c.Stopped > 0 {
		cols = append(cols, named("stopped", c.Stopped))
	}
	if c.Ignored > 0 {
		cols = append(cols, named("ignored", c.Ignored))
	}
	return cols
}

func columnWidths(rows []recapRow) []int {
	widths := make([]int, 7)
	for _, r := range rows {
		for i, c := range columns(r.count) {
			widths[i] = max(widths[i], len(c))
		}
	}
	return widths
}

func counts(r recapRow, widths []int) string {
	var b strings.Builder
	for i, c := range columns(r.count) {
		b.WriteString(c)
		b.WriteString(strings.Repeat(" ", widths[i]-len(c)+2))
	}
	if r.many > 1 {
		b.WriteString("(" + strconv.Itoa(r.many) + " hosts)")
	}
	return strings.TrimRight(b.String(), " ")
}

// shape is what names share that differ in the last number in them; width is the number's if it has
// leading zeros, else 0.
type shape struct {
	prefix, suffix string
	width          int
}

// splitName takes a name apart; not ok: there is no number in it.
func splitName(s string) (of shape, number int, ok bool) {
	const digits = "0123456789"
	end := strings.LastIndexAny(s, digits) + 1
	start := end
	for start > 0 && strings.IndexByte(digits, s[start-1]) >= 0 {
		start--
	}
	number, err := strconv.Atoi(s[start:end])
	if err != nil {
		return shape{}, 0, false
	}
	of = shape{prefix: s[:start], suffix: s[end:]}
	if s[start] == '0' && end-start > 1 {
		of.width = end - start
	}
	return of, number, true
}

// label writes the names that have the numbers of these ranges.
func (s shape) label(ranges []string) string {
	text := strings.Join(ranges, ",")
	if strings.ContainsAny(text, "-,") {
		text = "[" + text + "]"
	}
	return s.prefix + text + s.suffix
}

// ranges writes numbers as 0-3, 5, 8-9.
func ranges(ns []int, width int) []string {
	slices.Sort(ns)
	ns = slices.Compact(ns)
	text := func(n int) string {
		s := strconv.Itoa(n)
		return strings.Repeat("0", max(0, width-len(s))) + s
	}
	var parts []string
	for i := 0; i < len(ns); {
		j := i
		for j+1 < len(ns) && ns[j+1] == ns[j]+1 {
			j++
		}
		if j == i {
			parts = append(parts, text(ns[i]))
		} else {
			parts = append(parts, text(ns[i])+"-"+text(ns[j]))
		}
		i = j + 1
	}
	return parts
}
