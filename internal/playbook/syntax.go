package playbook

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/gofab/gofab/internal/source"
)

var yamlLine = regexp.MustCompile(`line (\d+): `)

var (
	secondColon = regexp.MustCompile(`^[^:]*:\s.*?\S\s*(:)(?:\s|$)`)
	badStart    = regexp.MustCompile("(?:^|[:\\-,\\[{]\\s*)([@`%\t])")
	openQuote   = regexp.MustCompile(`(?:^|[:\-,\[{])\s*("(?:[^"\\]|\\.)*|'[^']*)$`)
	badEscape   = regexp.MustCompile(`"(?:[^"\\]|\\[0abt\tnvfre "/\\N_LPxuU])*(\\)[^0abt\tnvfre "/\\N_LPxuU]`)
	anAlias     = regexp.MustCompile(`(?:^|[:\-,\[{]\s*)([*&])`)
	aControl    = regexp.MustCompile("([\x01-\x08\x0b-\x1f\x7f-\u0084\u0086-\u009f\ufffe\uffff])")
)

// wordings are what yaml.v3 says, what it means to somebody who writes a playbook, and how
// to find the column.
var wordings = []struct {
	theirs, ours, hint string
	where              *regexp.Regexp
}{
	{"mapping values are not allowed", "a colon where no key can stand", `put a text that holds ": " in quotes, and check the indentation`, secondColon},
	{"did not find expected '-' indicator", "this does not line up with the list around it", "check the indentation", nil},
	{"did not find expected key", "this does not line up with the keys around it, or the value before it does not end", "check the indentation and the quotes", nil},
	{"could not find expected ':'", "a key without its colon", "write key: value, with a space behind the colon", nil},
	{"found character that cannot start any token", "a character that no value can begin with", "put the text in quotes", badStart},
	{"found unexpected end of stream", "a quote is opened and never closed", "", openQuote},
	{"did not find expected ',' or ']'", "a list in [ ] is not closed, or a comma is missing", "", nil},
	{"did not find expected ',' or '}'", "a mapping in { } is not closed, or a comma is missing", "put a text that begins with { in quotes", nil},
	{"did not find expected node content", "a value is missing here", "", nil},
	{"block sequence entries are not allowed", "a dash where no list can begin", "put the list on a line of its own, indented", nil},
	{"found unknown escape character", "an unknown escape in double quotes", "single quotes take a backslash as it is", badEscape},
	{"control characters are not allowed", "a control character", "in double quotes it can be written as an escape: \"\\x07\"", aControl},
	{"found a tab character", "a tab where only spaces can stand", "indent with spaces", nil},
	{"found undefined tag handle", "an unknown tag", "put a text that begins with ! in quotes", nil},
	{"unknown anchor", "an alias without its anchor", "put a text that begins with * in quotes", anAlias},
	{"did not find expected alphabetic or numeric", "an anchor or alias without a name", "put a text that begins with * or & in quotes", anAlias},
	{"exceeded max depth", "the file is nested too deep", "", nil},
}

func (f *file) syntaxError(err error) *source.Error {
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if m := yamlLine.FindStringSubmatch(msg); m != nil {
		line, _ = strconv.Atoi(m[1])
		msg = strings.Replace(msg, m[0], "", 1)
	}
	line = min(max(line, 1), len(f.lines))
	for _, w := range wordings {
		if !strings.Contains(msg, w.theirs) {
			continue
		}
		if w.where == nil || w.where == anAlias || w.where == secondColon {
			line = f.culprit(line, w.theirs)
		}
		if e := f.knownSlip(line); e != nil {
			return e
		}
		e := &source.Error{Pos: f.lineStart(line), Msg: w.ours, Hint: w.hint}
		if w.where != nil {
			e.Pos = f.narrow(line, w.where, e.Pos)
		}
		return e
	}
	if e := f.knownSlip(line); e != nil {
		return e
	}
	return &source.Error{Pos: f.lineStart(line), Msg: "this is not YAML: " + msg}
}

// mostTries bounds the work of finding a culprit.
const mostTries = 2000

// culprit is the line from which on the file fails as it does: the last one that is needed for
// it. yaml.v3 names the line where the surrounding list or mapping begins, or none.
func (f *file) culprit(named int, theirs string) int {
	if len(f.lines) > mostTries || len(f.src) > 64<<10 {
		return named
	}
	line := len(f.lines)
	for line > 1 {
		var n yaml.Node
		err := yaml.Unmarshal(f.src[:f.lines[line-1]], &n) // the lines before this one
		if err == nil || !strings.Contains(err.Error(), theirs) {
			break
		}
		line--
	}
	return line
}

// narrow looks for the place that where's group matches, in the line that yaml.v3 names or
// above it; it names where it gave up, and never a column.
func (f *file) narrow(line int, where *regexp.Regexp, otherwise source.Pos) source.Pos {
	for n := line; n >= 1; n-- {
		text := f.line(n)
		if m := where.FindStringSubmatchIndex(text); m != nil {
			return source.Pos{File: f.name, Line: n, Col: utf8.RuneCountInString(text[:m[2]]) + 1}
		}
	}
	return otherwise
}

func (f *file) line(number int) string {
	if number < 1 || number > len(f.lines) {
		return ""
	}
	end := len(f.src)
	if number < len(f.lines) {
		end = f.lines[number]
	}
	return strings.TrimRight(string(f.src[f.lines[number-1]:end]), "\r\n")
}

// lineStart is the first character of a line that is not blank.
func (f *file) lineStart(number int) source.Pos {
	text := f.line(number)
	col := utf8.RuneCountInString(text) - utf8.RuneCountInString(strings.TrimLeft(text, " \t")) + 1
	return source.Pos{File: f.name, Line: number, Col: col}
}

var (
	bareBraces = regexp.MustCompile(`^(\s*(?:-\s+)*(?:[^\s:#'"][^:#'"]*:\s+)?)(\{\{.*)$`)
	tabIndent  = regexp.MustCompile(`^ *\t`)
)

// knownSlip looks around the line that yaml.v3 gave up at, which is often one too far, for
// the two slips behind most syntax errors.
func (f *file) knownSlip(line int) *source.Error {
	for n := min(line+1, len(f.lines)); n >= max(line-2, 1); n-- {
		if m := bareBraces.FindStringSubmatch(f.line(n)); m != nil {
			pos := source.Pos{File: f.name, Line: n, Col: utf8.RuneCountInString(m[1]) + 1}
			return unquoted(pos, strings.TrimSpace(m[1]), m[2])
		}
	}
	for n := max(line-1, 1); n <= min(line+1, len(f.lines)); n++ {
		if tabIndent.MatchString(f.line(n)) {
			col := strings.IndexByte(f.line(n), '\t') + 1
			return &source.Error{Pos: source.Pos{File: f.name, Line: n, Col: col}, Msg: "a tab in the indentation", Hint: "indent with spaces"}
		}
	}
	return nil
}

// unquoted is the answer to key: {{ N }}, which YAML takes for a mapping.
func unquoted(pos source.Pos, before, text string) *source.Error {
	if i := strings.Index(text, " #"); i >= 0 {
		text = text[:i]
	}
	text = strings.TrimSpace(text)
	// Inside of { } or [ ] the closing one is not part of the value.
	if end := strings.Index(text, "}}"); end >= 0 && strings.Trim(text[end+2:], " ,}]") == "" && end+2 < len(text) {
		text, before = text[:end+2], ""
	}
	quote := `"`
	if strings.ContainsAny(text, `"\`) && !strings.Contains(text, "'") {
		quote = "'"
	}
	if before != "" {
		before += " "
	}
	return &source.Error{Pos: pos, Msg: "a value that begins with {{ needs quotes", Hint: "quote it: " + before + quote + text + quote}
}
