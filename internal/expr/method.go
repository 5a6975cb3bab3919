package expr

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nikolalohinski/gonja/v2/builtins"
	"github.com/nikolalohinski/gonja/v2/exec"

	"github.com/gofab/gofab/internal/source"
)

// callMethod calls a method of a string or a mapping. None of them changes what it is
// called on, which others may be reading.
func callMethod(of any, name string, pos []any, named map[string]any) (any, error) {
	switch of := of.(type) {
	case map[string]any:
		if f, ok := dictMethods[name]; ok {
			return f(of, pos)
		}
		return nil, noMethod(of, name, slices.Sorted(maps.Keys(dictMethods)))
	case string:
		return callStringMethod(of, name, pos, named)
	}
	return nil, noMethod(of, name, nil)
}

func noMethod(of any, name string, known []string) error {
	msg := fmt.Sprintf("%s has no method %q", typeName(of), name)
	if hint := source.Suggest(name, known); hint != "" {
		msg += "; " + hint
	}
	return errors.New(msg)
}

// gonjaMethods are the methods of strings that are gonja's own.
var gonjaMethods = []string{
	"capitalize", "casefold", "count", "endswith", "find", "format", "isalnum", "isalpha", "isascii",
	"isdecimal", "isdigit", "islower", "isnumeric", "isspace", "isupper", "join", "lower", "partition",
	"removeprefix", "removesuffix", "rfind", "rpartition", "splitlines", "startswith", "swapcase",
	"title", "upper", "zfill",
}

func callStringMethod(s, name string, pos []any, named map[string]any) (any, error) {
	if f, ok := stringMethods[name]; ok {
		v, err := f(s, pos, named)
		return v, wrap(name, err)
	}
	if !slices.Contains(gonjaMethods, name) {
		return nil, noMethod(s, name, append(slices.Collect(maps.Keys(stringMethods)), gonjaMethods...))
	}
	if err := checkFormat(name, s); err != nil {
		return nil, err
	}
	method, _ := builtins.Methods.Str.Get(name)
	return viaGonja(name, pos, named, func(_ *exec.Evaluator, a *exec.VarArgs) (any, error) {
		v, err := method(s, exec.AsValue(s), a)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return deep(v), nil
	})
}

// checkFormat keeps "{:999999999}".format(x) from filling the memory with blanks.
func checkFormat(name, text string) error {
	if name != "format" {
		return nil
	}
	digits := 0
	for _, r := range text {
		if digits++; !unicode.IsDigit(r) {
			digits = 0
		}
		if digits > 4 {
			return errors.New("format: the width is too large")
		}
	}
	return nil
}

// stringMethods are those whose optional arguments gonja does not fill in.
var stringMethods = map[string]func(s string, pos []any, named map[string]any) (any, error){
	"strip":   stripper(strings.TrimSpace, strings.Trim),
	"lstrip":  stripper(func(s string) string { return strings.TrimLeftFunc(s, unicode.IsSpace) }, strings.TrimLeft),
	"rstrip":  stripper(func(s string) string { return strings.TrimRightFunc(s, unicode.IsSpace) }, strings.TrimRight),
	"replace": replaceText,
	"split": func(s string, pos []any, named map[string]any) (any, error) {
		return splitText(s, pos, named, false)
	},
	"rsplit": func(s string, pos []any, named map[string]any) (any, error) {
		return splitText(s, pos, named, true)
	},
	"center": padder(func(gap int) int { return gap / 2 }),
	"ljust":  padder(func(int) int { return 0 }),
	"rjust":  padder(func(gap int) int { return gap }),
}

func stripper(blanks func(string) string, of func(s, set string) string) func(string, []any, map[string]any) (any, error) {
	return func(s string, pos []any, named map[string]any) (any, error) {
		if len(pos) > 1 || len(named) > 0 {
			return nil, errors.New("it takes the characters to take off, or nothing")
		}
		if len(pos) == 0 || plain(pos[0]) == nil {
			return blanks(s), nil
		}
		return of(s, str(pos[0])), nil
	}
}

func replaceText(s string, pos []any, named map[string]any) (any, error) {
	n, count := -1, any(nil)
	if len(pos) == 3 {
		count = pos[2]
	} else if c, ok := named["count"]; ok {
		count = c
	}
	if len(pos) < 2 || len(pos) > 3 {
		return nil, errors.New("it takes what to replace, by what, and if you like how often")
	}
	if count != nil {
		var ok bool
		if n, ok = plain(count).(int); !ok {
			return nil, fmt.Errorf("how often is an integer, not %s", typeName(count))
		}
	}
	from, to := str(pos[0]), str(pos[1])
	if len(to) > 0 && (strings.Count(s, from)+1) > maxText/len(to) {
		return nil, errors.New("the text would be too long")
	}
	return strings.Replace(s, from, to, n), nil
}

// splitText is Python's split and, from the end, rsplit.
func splitText(s string, pos []any, named map[string]any, fromEnd bool) (any, error) {
	var sep, limit any
	for i, into := range []*any{&sep, &limit} {
		if i < len(pos) {
			*into = plain(pos[i])
		} else if v, ok := named[[]string{"sep", "maxsplit"}[i]]; ok {
			*into = plain(v)
		}
	}
	n, ok := -1, true
	if limit != nil {
		n, ok = limit.(int)
	}
	if !ok || len(pos) > 2 {
		return nil, errors.New("it takes the separator and the number of splits, an integer")
	}
	if sep == nil && n < 0 {
		return anys(strings.Fields(s)), nil
	}
	cut := str(sep)
	if sep == nil {
		s, cut = strings.Join(strings.Fields(s), " "), " "
	}
	if cut == "" {
		return nil, errors.New("the separator is empty")
	}
	if !fromEnd && n >= 0 {
		return anys(strings.SplitN(s, cut, n+1)), nil
	}
	parts := strings.Split(s, cut)
	if n >= 0 && len(parts) > n+1 {
		head := strings.Join(parts[:len(parts)-n], cut)
		parts = append([]string{head}, parts[len(parts)-n:]...)
	}
	return anys(parts), nil
}

// padder fills up to a width; left says how much of the gap goes before the text.
func padder(left func(gap int) int) func(string, []any, map[string]any) (any, error) {
	return func(s string, pos []any, named map[string]any) (any, error) {
		fill := " "
		if len(pos) == 2 {
			fill = str(pos[1])
		}
		if len(pos) == 0 || len(pos) > 2 || len(named) > 0 || utf8.RuneCountInString(fill) != 1 {
			return nil, errors.New("it takes the width and, if you like, the character to fill up with")
		}
		width, ok := plain(pos[0]).(int)
		if !ok || width > maxArgument {
			return nil, fmt.Errorf("the width must be an integer up to %d", maxArgument)
		}
		gap := max(0, width-utf8.RuneCountInString(s))
		return strings.Repeat(fill, left(gap)) + s + strings.Repeat(fill, gap-left(gap)), nil
	}
}

var dictMethods = map[string]func(m map[string]any, pos []any) (any, error){
	"keys": func(m map[string]any, _ []any) (any, error) { return anys(sortedKeys(m)), nil },
	"values": func(m map[string]any, _ []any) (any, error) {
		out := []any{}
		for _, k := range sortedKeys(m) {
			out = append(out, m[k])
		}
		return out, nil
	},
	"items": func(m map[string]any, _ []any) (any, error) { return itemsOf(m) },
	"get": func(m map[string]any, pos []any) (any, error) {
		if len(pos) == 0 || len(pos) > 2 {
			return nil, errors.New("get takes a key and, if you like, a default")
		}
		if v, ok := m[str(pos[0])]; ok {
			return v, nil
		}
		if len(pos) == 2 {
			return pos[1], nil
		}
		return nil, nil
	},
}
