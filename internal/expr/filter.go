package expr

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// ourFilters are filters of Ansible's, and those where gonja departs from Jinja: format
// prints Go's %!d(…), length of a number is 0, first of nothing is nothing, items are no
// lists, tojson escapes for HTML.
var ourFilters = map[string]function{
	"basename":      onText(func(s string) (any, error) { return path.Base(s), nil }),
	"bool":          toBool,
	"count":         length,
	"dictsort":      func(pos []any, _ map[string]any) (any, error) { return itemsOf(pos[0]) },
	"dirname":       onText(func(s string) (any, error) { return path.Dir(s), nil }),
	"first":         atEnd(func(items []any) any { return items[0] }),
	"format":        format,
	"from_json":     onText(fromJSON),
	"items":         func(pos []any, _ map[string]any) (any, error) { return itemsOf(pos[0]) },
	"last":          atEnd(func(items []any) any { return items[len(items)-1] }),
	"length":        length,
	"list":          toList,
	"max":           extreme(1),
	"min":           extreme(-1),
	"quote":         quote,
	"regex_replace": regexReplace,
	"split":         split,
	"string":        func(pos []any, _ map[string]any) (any, error) { return str(pos[0]), nil },
	"to_json":       toJSON,
	"tojson":        toJSON,
}

// onText is a filter of a string that takes no arguments.
func onText(f func(string) (any, error)) function {
	return func(pos []any, named map[string]any) (any, error) {
		if len(pos) > 1 || len(named) > 0 {
			return nil, errors.New("it takes no arguments")
		}
		s, ok := plain(pos[0]).(string)
		if !ok {
			return nil, fmt.Errorf("it takes a string, not %s", typeName(pos[0]))
		}
		return f(s)
	}
}

// toBool is Ansible's: yes, on, true and 1 are true, whatever the case; all else is false.
func toBool(pos []any, _ map[string]any) (any, error) {
	switch v := plain(pos[0]).(type) {
	case bool:
		return v, nil
	case int, float64:
		return equal(v, 1), nil
	case string:
		switch strings.ToLower(v) {
		case "yes", "on", "true", "1", "y", "t":
			return true, nil
		}
	}
	return false, nil
}

func length(pos []any, _ map[string]any) (any, error) {
	switch v := plain(pos[0]).(type) {
	case string:
		return utf8.RuneCountInString(v), nil
	case []any:
		return len(v), nil
	case map[string]any:
		return len(v), nil
	}
	return nil, fmt.Errorf("%s has no length", typeName(pos[0]))
}

func toList(pos []any, _ map[string]any) (any, error) {
	switch v := plain(pos[0]).(type) {
	case []any:
		return v, nil
	case map[string]any:
		return anys(sortedKeys(v)), nil
	case string:
		return anys(strings.Split(v, "")), nil
	}
	return nil, fmt.Errorf("%s cannot become a list", typeName(pos[0]))
}

func itemsOf(v any) (any, error) {
	m, ok := plain(v).(map[string]any)
	if !ok {
		return nil, fmt.Errorf("it takes a mapping, not %s", typeName(v))
	}
	out := []any{}
	for _, k := range sortedKeys(m) {
		out = append(out, []any{k, m[k]})
	}
	return out, nil
}

// atEnd is a filter that picks one item of what must not be empty.
func atEnd(pick func([]any) any) function {
	return func(pos []any, _ map[string]any) (any, error) {
		list, err := toList(pos, nil)
		if err != nil {
			return nil, err
		}
		items := list.([]any)
		if len(items) == 0 {
			return nil, fmt.Errorf("%s is empty", typeName(pos[0]))
		}
		return pick(items), nil
	}
}

func extreme(sign int) function {
	return func(pos []any, named map[string]any) (v any, err error) {
		if len(pos) > 1 || len(named) > 0 {
			return nil, errors.New("it takes no arguments")
		}
		var unlike error
		v, err = atEnd(func(items []any) any {
			best := items[0]
			for _, item := range items[1:] {
				c, ok := order(item, best)
				if !ok {
					unlike = fmt.Errorf("cannot compare %s with %s", typeName(item), typeName(best))
				}
				if c == sign {
					best = item
				}
			}
			return best
		})(pos, named)
		return v, errors.Join(err, unlike)
	}
}

func fromJSON(s string) (any, error) {
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("this is not JSON: %w", err)
	}
	if dec.More() {
		return nil, errors.New("this is not JSON: something follows the value")
	}
	return deep(v), nil
}

func toJSON(pos []any, named map[string]any) (any, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if indent, ok := plain(named["indent"]).(int); ok && indent > 0 && indent <= 16 {
		enc.SetIndent("", strings.Repeat(" ", indent))
	}
	if err := enc.Encode(deep(pos[0])); err != nil {
		return nil, err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

var needsQuotes = regexp.MustCompile(`[^A-Za-z0-9@%+=:,./_-]`)

// quote makes one word of a shell command, as Python's shlex.quote.
func quote(pos []any, _ map[string]any) (any, error) {
	s := str(pos[0])
	if strings.ContainsRune(s, 0) {
		return nil, errors.New("a shell word cannot hold a NUL byte")
	}
	if s != "" && !needsQuotes.MatchString(s) {
		return s, nil
	}
	return "'" + strings.ReplaceAll(s, "'", `'"'"'`) + "'", nil
}

func split(pos []any, named map[string]any) (any, error) {
	s, ok := plain(pos[0]).(string)
	if !ok {
		return nil, fmt.Errorf("it takes a string, not %s", typeName(pos[0]))
	}
	return splitText(s, pos[1:], named, false)
}

var backReference = regexp.MustCompile(`\\(\d)`)

// regexReplace takes the pattern and the replacement, in which \1 is the first group.
func regexReplace(pos []any, _ map[string]any) (any, error) {
	if len(pos) != 3 {
		return nil, errors.New("it takes a pattern and a replacement")
	}
	re, err := regexp.Compile(str(pos[1]))
	if err != nil {
		return nil, err
	}
	with := backReference.ReplaceAllString(strings.ReplaceAll(str(pos[2]), "$", "$$"), "$${$1}")
	return re.ReplaceAllString(str(pos[0]), with), nil
}

func format(pos []any, named map[string]any) (any, error) {
	if len(named) > 0 {
		return nil, errors.New("it takes no named arguments")
	}
	text, ok := plain(pos[0]).(string)
	if !ok {
		return nil, fmt.Errorf("it takes a string, not %s", typeName(pos[0]))
	}
	return printf(text, pos[1:])
}

var verb = regexp.MustCompile(`%([-+ #0]*)(\d*)(?:\.(\d+))?([a-zA-Z%]?)`)

// printf is Python's % on strings.
func printf(text string, args []any) (string, error) {
	var err error
	next := 0
	out := verb.ReplaceAllStringFunc(text, func(spec string) string {
		m := verb.FindStringSubmatch(spec)
		if m[4] == "%" {
			return "%"
		}
		if next >= len(args) {
			err = errors.Join(err, fmt.Errorf("nothing is left for %s", spec))
			return ""
		}
		arg := plain(args[next])
		next++
		s, e := printOne(spec, m[2], m[3], m[4], arg)
		err = errors.Join(err, e)
		return s
	})
	if err == nil && next < len(args) {
		err = fmt.Errorf("%d of %d arguments are not used", len(args)-next, len(args))
	}
	return out, err
}

func printOne(spec, width, precision, letter string, arg any) (string, error) {
	if len(width) > 4 || len(precision) > 3 {
		return "", fmt.Errorf("%s is too wide", spec)
	}
	head := strings.TrimSuffix(spec, letter)
	n, isNumber := number(arg)
	switch letter {
	case "s":
		return fmt.Sprintf(head+"s", str(arg)), nil
	case "r":
		return fmt.Sprintf(head+"s", repr(arg)), nil
	case "d", "i", "x", "X", "o":
		if f, ok := n.(float64); ok && (letter == "d" || letter == "i") && f > -1<<63 && f < 1<<63 {
			n = int(f)
		}
		if i, ok := n.(int); ok {
			return fmt.Sprintf(head+strings.Replace(letter, "i", "d", 1), i), nil
		}
	case "f", "F", "e", "E", "g", "G":
		if isNumber {
			return fmt.Sprintf(head+letter, toFloat(n)), nil
		}
	default:
		return "", fmt.Errorf("%s is no format; write %%%% for a percent sign", spec)
	}
	return "", fmt.Errorf("%s wants a number, not %s", spec, typeName(arg))
}
