package ui

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gofab/gofab/runner"
)

// foldAbove is how many hosts a recap lists one by one; of more, healthy ones that counted the
// same share a line.
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
		count          runner.HostRecap
		prefix, suffix string
		width          int
	}
	var rows []recapRow
	numbers := map[key][]int{}
	at := map[key]int{}
	for _, h := range hosts {
		name, ok := splitName(h.Host)
		if len(hosts) <= foldAbove || !healthy(h) || !ok {
			rows = append(rows, recapRow{label: h.Host, count: h, many: 1})
			continue
		}
		k := key{h, name.prefix, name.suffix, name.width}
		k.count.Host, k.count.Index = "", 0
		if _, seen := at[k]; !seen {
			at[k] = len(rows)
			rows = append(rows, recapRow{label: h.Host, count: h})
		}
		rows[at[k]].many++
		numbers[k] = append(numbers[k], name.number)
	}
	for k, ns := range numbers {
		if r := &rows[at[k]]; r.many > 1 {
			r.label = k.prefix + "[" + ranges(ns, k.width) + "]" + k.suffix
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

// name is a host's name around the last number in it; width is the number's if it has leading
// zeros, else 0.
type name struct {
	prefix, suffix string
	number, width  int
}

func splitName(s string) (name, bool) {
	const digits = "0123456789"
	end := strings.LastIndexAny(s, digits) + 1
	start := end
	for start > 0 && strings.IndexByte(digits, s[start-1]) >= 0 {
		start--
	}
	number, err := strconv.Atoi(s[start:end])
	if err != nil {
		return name{}, false
	}
	n := name{prefix: s[:start], suffix: s[end:], number: number}
	if s[start] == '0' && end-start > 1 {
		n.width = end - start
	}
	return n, true
}

// ranges writes numbers as 0-3,5,8-9.
func ranges(ns []int, width int) string {
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
	return strings.Join(parts, ",")
}
