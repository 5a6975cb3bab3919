package static

import (
	"strings"
	"unicode"

	"github.com/gofab/gofab/internal/source"
)

// word is a piece of a line, without its quotes, and where it began.
type word struct {
	text string
	pos  source.Pos
}

// split cuts a line at white space. Quotes, single or double, keep space and # within a word and
// may open anywhere in it (key="a b"); between double quotes a backslash keeps the next quote or
// backslash as it is. A # that begins a word begins a comment.
func split(text string, pos source.Pos, errs *source.List) []word {
	var words []word
	var b strings.Builder
	var start, quoted source.Pos
	in, escaped := false, false
	var quote rune
	end := func() {
		if in {
			words = append(words, word{b.String(), start})
		}
		in = false
		b.Reset()
	}
	for _, r := range text {
		switch {
		case escaped:
			if r != '"' && r != '\\' {
				b.WriteRune('\\')
			}
			b.WriteRune(r)
			escaped = false
		case quote == '"' && r == '\\':
			escaped = true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			b.WriteRune(r)
		case unicode.IsSpace(r):
			end()
		case r == '#' && !in:
			return words
		default:
			if !in {
				in, start = true, pos
			}
			if r == '\'' || r == '"' {
				quote, quoted = r, pos
			} else {
				b.WriteRune(r)
			}
		}
		pos.Col++
	}
	if quote != 0 {
		errs.Addf(quoted, "this quote is not closed")
	}
	end()
	return words
}
