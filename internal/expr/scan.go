package expr

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind int

const (
	endTok kind = iota // the closing delimiter, or the end of a condition
	nameTok
	stringTok
	numberTok
	opTok
)

type token struct {
	kind kind
	text string // the operator or name, else the source
	val  any    // of strings and numbers
	at   int
}

func (t token) is(ops ...string) bool {
	if t.kind != opTok && t.kind != nameTok {
		return false
	}
	for _, op := range ops {
		if t.text == op {
			return true
		}
	}
	return false
}

func (t token) String() string {
	if t.kind == endTok {
		return "the end"
	}
	return strconv.Quote(t.text)
}

// operators, the longer ones before their beginnings.
var operators = []string{
	"**", "//", "==", "!=", "<=", ">=",
	"+", "-", "*", "/", "%", "~", "<", ">", "=", ".", ",", ":", "|", "(", ")", "[", "]", "{", "}",
}

// foreign answers what people write who come from another language.
var foreign = []struct{ text, hint string }{
	{"&&", `write "and"`},
	{"||", `write "or"`},
	{"!", `write "not"`},
	{"?", `write "a if condition else b"`},
	{"$", "a variable is written without the dollar sign"},
	{";", "one expression stands alone"},
}

// scanner cuts the inside of braces into tokens.
type scanner struct {
	text   string
	pos    int
	end    string // the delimiter that closes this code: }} or %}, or "" for a condition
	opened int    // where the code began
	depth  []byte // the closing brackets awaited
}

// next gives the next token; at the closing delimiter it gives endTok and goes no further.
func (s *scanner) next() token {
	s.skipSpace()
	start := s.pos
	if s.closing() > 0 {
		return token{kind: endTok, at: start}
	}
	rest := s.text[s.pos:]
	if rest == "" {
		if s.end != "" {
			fail(s.opened, "", "this %s is never closed with %s", s.text[s.opened:s.opened+2], s.end)
		}
		return token{kind: endTok, at: start}
	}
	for _, f := range foreign {
		if strings.HasPrefix(rest, f.text) && !strings.HasPrefix(rest, "!=") {
			fail(start, f.hint, "%q is not Jinja", f.text)
		}
	}
	r, size := utf8.DecodeRuneInString(rest)
	switch {
	case r == '"' || r == '\'':
		return s.scanString(rest[0])
	case r >= '0' && r <= '9':
		return s.scanNumber()
	case r == '_' || unicode.IsLetter(r):
		return s.scanName()
	}
	if s.end == "" && (strings.HasPrefix(rest, "{{") || strings.HasPrefix(rest, "{%")) {
		fail(start, "conditions are bare expressions: write "+bare(strings.TrimSpace(s.text)), "no braces in a condition")
	}
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			s.pos += len(op)
			s.balance(op[0], start)
			return token{kind: opTok, text: op, at: start}
		}
	}
	if r == utf8.RuneError && size == 1 {
		fail(start, "", "this is not UTF-8")
	}
	fail(start, "", "%q does not belong in an expression", r)
	panic("unreachable")
}

func (s *scanner) skipSpace() {
	s.pos += len(s.text[s.pos:]) - len(strings.TrimLeft(s.text[s.pos:], " \t\r\n\f\v\u00a0"))
}

// closing is the length of the closing delimiter that stands here, with its minus sign.
func (s *scanner) closing() int {
	if s.end == "" || len(s.depth) > 0 {
		return 0
	}
	rest := s.text[s.pos:]
	switch {
	case strings.HasPrefix(rest, s.end):
		return len(s.end)
	case strings.HasPrefix(rest, "-"+s.end), strings.HasPrefix(rest, "+"+s.end):
		return len(s.end) + 1
	}
	return 0
}

func (s *scanner) balance(b byte, start int) {
	switch b {
	case '(':
		s.depth = append(s.depth, ')')
	case '[':
		s.depth = append(s.depth, ']')
	case '{':
		s.depth = append(s.depth, '}')
	case ')', ']', '}':
		if len(s.depth) == 0 {
			fail(start, "", "nothing opened this %q", string(b))
		}
		if want := s.depth[len(s.depth)-1]; want != b {
			fail(start, "", "expected %q to close what was opened, not %q", string(want), string(b))
		}
		s.depth = s.depth[:len(s.depth)-1]
	}
	if len(s.depth) > maxNesting {
		fail(start, "", "brackets are nested too deep")
	}
}

func (s *scanner) scanName() token {
	start := s.pos
	for _, r := range s.text[start:] {
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) {
			break
		}
		s.pos += utf8.RuneLen(r)
	}
	return token{kind: nameTok, text: s.text[start:s.pos], at: start}
}

func (s *scanner) scanNumber() token {
	start, rest := s.pos, s.text[s.pos:]
	digits := func(i int, set string) int {
		for i < len(rest) && strings.IndexByte(set, rest[i]) >= 0 {
			i++
		}
		return i
	}
	const decimal = "0123456789_"
	n, isFloat := digits(0, decimal), false
	if len(rest) > 1 && rest[0] == '0' && strings.IndexByte("xXoObB", rest[1]) >= 0 {
		n = digits(2, decimal+"abcdefABCDEF")
	} else {
		if n+1 < len(rest) && rest[n] == '.' && rest[n+1] >= '0' && rest[n+1] <= '9' {
			n, isFloat = digits(n+1, decimal), true
		}
		if n < len(rest) && (rest[n] == 'e' || rest[n] == 'E') {
			i := n + 1
			if i < len(rest) && (rest[i] == '+' || rest[i] == '-') {
				i++
			}
			if j := digits(i, decimal); j > i {
				n, isFloat = j, true
			}
		}
	}
	s.pos += n
	if r, _ := utf8.DecodeRuneInString(s.text[s.pos:]); r == '_' || unicode.IsLetter(r) {
		fail(start, "a name cannot begin with a digit", "%q is not a number", s.text[start:s.pos]+string(r))
	}
	tok := token{kind: numberTok, text: rest[:n], at: start}
	tok.val = parseNumber(tok, isFloat)
	return tok
}

func parseNumber(t token, isFloat bool) any {
	plain := strings.ReplaceAll(t.text, "_", "")
	if isFloat {
		if f, err := strconv.ParseFloat(plain, 64); err == nil {
			return f
		}
		fail(t.at, "", "the number %s is out of range", t.text)
	}
	base := 10
	if len(plain) > 1 && plain[0] == '0' && (plain[1] < '0' || plain[1] > '9') {
		base = 0
	}
	n, err := strconv.ParseInt(plain, base, 64)
	if err != nil {
		fail(t.at, "", "%s is not a whole number of 64 bits", t.text)
	}
	return int(n)
}

func (s *scanner) scanString(quote byte) token {
	start := s.pos
	for i := start + 1; i < len(s.text); i++ {
		switch s.text[i] {
		case '\\':
			i++
		case quote:
			s.pos = i + 1
			raw := s.text[start:s.pos]
			return token{kind: stringTok, text: raw, val: unescape(raw[1 : len(raw)-1]), at: start}
		}
	}
	fail(start, "", "this string is never closed with %c", quote)
	panic("unreachable")
}

// unescape reads backslashes as Python does: an escape that it does not know stays as it
// is, so that "\d" can be written for a regular expression.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if j := strings.IndexByte("ntr\\'\"abfv0", s[i]); j >= 0 {
			b.WriteByte("\n\t\r\\'\"\a\b\f\v\x00"[j])
			continue
		}
		digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[i]]
		if digits > 0 && i+digits < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+1+digits], 16, 32); err == nil && utf8.ValidRune(rune(n)) {
				b.WriteRune(rune(n))
				i += digits
				continue
			}
		}
		if s[i] == '\n' {
			continue
		}
		b.WriteByte('\\')
		b.WriteByte(s[i])
	}
	return b.String()
}
