package source

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

const (
	tabWidth      = 4
	snippetColumn = 100 // a line wider than this is shown as a window around the caret
	snippetBefore = 60  // columns of the window that stand before the caret
)

// Snippet shows the line of src that pos stands in, with a caret under its column:
//
//	4 |   count: {{ N }}
//	  |          ^
//
// Tabs are expanded, long lines cut to a window around the caret, and characters that would
// steer a terminal are made visible. It is "" when pos has no line or src does not reach it.
func Snippet(src []byte, pos Pos) string {
	line, ok := lineOf(src, pos.Line)
	if !ok {
		return ""
	}
	cells, caret := layOut(line, pos.Col)
	cells, caret = window(cells, caret)
	text := fmt.Sprintf("%4d | %s\n", pos.Line, strings.TrimRight(strings.Join(cells, ""), " "))
	if pos.Col > 0 {
		text += fmt.Sprintf("     | %s^\n", strings.Repeat(" ", caret))
	}
	return text
}

func lineOf(src []byte, number int) (string, bool) {
	if number < 1 {
		return "", false
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	for ; number > 1; number-- {
		_, rest, ok := bytes.Cut(src, []byte("\n"))
		if !ok {
			return "", false
		}
		src = rest
	}
	line, _, _ := bytes.Cut(src, []byte("\n"))
	return string(bytes.TrimSuffix(line, []byte("\r"))), true
}

// layOut gives the line as terminal columns (a wide character fills one and leaves the next
// empty) and the column where the character number col begins.
func layOut(line string, col int) (cells []string, caret int) {
	n, caret := 0, -1
	for _, r := range line {
		n++
		if n == col {
			caret = len(cells)
		}
		switch {
		case r == '\t':
			for range tabWidth - len(cells)%tabWidth {
				cells = append(cells, " ")
			}
		case unicode.Is(unicode.Mn, r) && len(cells) > 0:
			cells[len(cells)-1] += string(r)
		case isWide(r):
			cells = append(cells, string(r), "")
		default:
			for _, c := range visible(r) {
				cells = append(cells, string(c))
			}
		}
	}
	if caret < 0 {
		caret = len(cells)
	}
	return cells, caret
}

func isWide(r rune) bool {
	kind := width.LookupRune(r).Kind()
	return kind == width.EastAsianWide || kind == width.EastAsianFullwidth
}

func window(cells []string, caret int) ([]string, int) {
	if len(cells) <= snippetColumn {
		return cells, caret
	}
	from := max(0, min(caret-snippetBefore, len(cells)-snippetColumn))
	to := min(from+snippetColumn, len(cells))
	cut := append([]string(nil), cells[from:to]...)
	if from > 0 {
		cut[0] = "…"
	}
	if to < len(cells) {
		cut[len(cut)-1] = "…"
	}
	return cut, caret - from
}

// visible spells out a character that a terminal would obey instead of showing.
func visible(r rune) string {
	switch {
	case r < 0x20:
		return string('␀' + r)
	case r == 0x7f:
		return "␡"
	case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
		return fmt.Sprintf("<U+%04X>", r)
	}
	return string(r)
}

// Visible makes s safe to show on a terminal: control characters other than newline and tab,
// and those that turn the direction of the text, are spelled out.
func Visible(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == '\n' || r == '\t' {
			b.WriteRune(r)
			continue
		}
		b.WriteString(visible(r))
	}
	return b.String()
}
