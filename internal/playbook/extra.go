package playbook

import (
	"fmt"
	"strings"

	"github.com/gofab/gofab/internal/source"
)

// Extra is a variable from the command line. Later ones beat earlier ones.
type Extra struct {
	Name  string
	Value any
	// Text is set for k=v: the value is a string that takes the type of the default. Values
	// from JSON and YAML have the type they were written with.
	Text bool
	// Pos is where it came from: a place in a file for -e @file, else "-e" and the argument.
	Pos source.Pos
}

// ParseExtra reads the arguments of -e: k=v (several of them separated by blanks, values in
// quotes if need be), a mapping in JSON or YAML, or @file with such a mapping, which read
// fetches. The error is a source.Errors with every mistake.
func ParseExtra(argv []string, read func(path string) ([]byte, error)) ([]Extra, error) {
	var errs source.List
	var all []Extra
	for _, arg := range argv {
		trimmed := strings.TrimSpace(arg)
		switch {
		case strings.HasPrefix(trimmed, "@"):
			path := trimmed[1:]
			src, err := read(path)
			if err != nil {
				errs.Addf(source.Pos{File: "-e @" + path}, "%s", err)
				continue
			}
			all = append(all, parseMapping(path, src, &errs)...)
		case strings.HasPrefix(trimmed, "{"):
			all = append(all, parseMapping("-e", []byte(arg), &errs)...)
		case isPairs(trimmed):
			all = append(all, parsePairs(arg, &errs)...)
		default:
			// A mapping in YAML without braces: "N: 8".
			all = append(all, parseMapping("-e", []byte(arg), &errs)...)
		}
	}
	return all, errs.Err()
}

// isPairs tells k=v from YAML: the = comes before any ": ".
func isPairs(arg string) bool {
	eq, colon := strings.IndexByte(arg, '='), strings.Index(arg, ": ")
	return colon < 0 && !strings.HasSuffix(arg, ":") || eq >= 0 && eq < colon
}

func parseMapping(name string, src []byte, errs *source.List) []Extra {
	root, ok := parse(name, src, errs)
	if !ok || root.IsZero() {
		return nil
	}
	if !root.IsMapping() {
		errs.Addf(root.Pos(), "variables must be a mapping of names to values, not %s", root.KindName())
		return nil
	}
	var all []Extra
	for _, p := range root.Pairs() {
		data, err := p.Value.Any()
		for _, e := range source.All(err, p.Pos) {
			errs.Add(e)
		}
		pos := p.Pos
		if name == "-e" {
			pos = source.Pos{File: "-e " + p.Key}
		}
		all = append(all, Extra{Name: p.Key, Value: data, Pos: pos})
	}
	return all
}

func parsePairs(arg string, errs *source.List) []Extra {
	words, err := splitWords(arg)
	if err != nil {
		errs.Addf(source.Pos{File: "-e " + arg}, "%s", err)
		return nil
	}
	if len(words) == 0 {
		errs.Add(&source.Error{Pos: source.Pos{File: "-e"}, Msg: "no variable in it", Hint: "write -e name=value"})
	}
	var all []Extra
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		if !ok || name == "" {
			errs.Add(&source.Error{
				Pos: source.Pos{File: "-e " + arg}, Msg: fmt.Sprintf("%q is not name=value", word),
				Hint: `a value with blanks needs quotes inside of the argument: -e 'name="a b"'`,
			})
			continue
		}
		all = append(all, Extra{Name: name, Value: value, Text: true, Pos: source.Pos{File: "-e " + name}})
	}
	return all
}

// splitWords splits at blanks outside of quotes. Within double quotes a backslash takes the
// next quote or backslash as it is; elsewhere it is a character like any other.
func splitWords(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quote := false, byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == 0 && isBlank(c):
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
			continue
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		case quote == '"' && c == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			word.WriteByte(s[i])
		default:
			word.WriteByte(c)
		}
		inWord = true
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote %c is never closed", quote)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
