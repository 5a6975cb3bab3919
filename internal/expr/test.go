package expr

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// ourTests are all tests but defined and undefined, which look before they evaluate. Most
// of gonja's answer false where Jinja has an error, some the wrong thing ("x" is false).
var ourTests = map[string]function{
	"boolean":     is(func(v any) bool { _, ok := v.(bool); return ok }),
	"callable":    is(func(v any) bool { _, ok := v.(*macro); return ok }),
	"divisibleby": divisibleBy,
	"even":        parity(0),
	"false":       is(func(v any) bool { return v == false }),
	"float":       is(func(v any) bool { _, ok := v.(float64); return ok }),
	"in":          isIn,
	"integer":     is(func(v any) bool { _, ok := v.(int); return ok }),
	"iterable":    is(func(v any) bool { _, err := toList([]any{v}, nil); return err == nil }),
	"lower":       is(func(v any) bool { s := str(v); return s == strings.ToLower(s) && s != strings.ToUpper(s) }),
	"mapping":     is(func(v any) bool { _, ok := v.(map[string]any); return ok }),
	"none":        is(func(v any) bool { return v == nil }),
	"number":      is(func(v any) bool { _, ok := number(v); return ok }),
	"odd":         parity(1),
	"sequence":    is(func(v any) bool { _, err := length([]any{v}, nil); return err == nil }),
	"string":      is(func(v any) bool { _, ok := v.(string); return ok }),
	"true":        is(func(v any) bool { return v == true }),
	"upper":       is(func(v any) bool { s := str(v); return s == strings.ToUpper(s) && s != strings.ToLower(s) }),

	"eq": compares("=="), "equalto": compares("=="), "sameas": compares("=="), "ne": compares("!="),
	"lt": compares("<"), "lessthan": compares("<"), "le": compares("<="),
	"gt": compares(">"), "greaterthan": compares(">"), "ge": compares(">="),

	// Ansible's: match from the beginning, search anywhere.
	"match":  matches("^(?:", ")"),
	"search": matches("", ""),
}

func is(f func(any) bool) function {
	return func(pos []any, named map[string]any) (any, error) {
		if len(pos) > 1 || len(named) > 0 {
			return nil, errors.New("it takes no argument")
		}
		return f(plain(pos[0])), nil
	}
}

func argument(pos []any, named map[string]any) (any, error) {
	if len(pos) != 2 || len(named) > 0 {
		return nil, errors.New("it takes one argument")
	}
	return plain(pos[1]), nil
}

func parity(want int) function {
	return func(pos []any, _ map[string]any) (any, error) {
		n, ok := plain(pos[0]).(int)
		if !ok {
			return nil, fmt.Errorf("it asks about integers, not about %s", typeName(pos[0]))
		}
		return n&1 == want, nil
	}
}

func divisibleBy(pos []any, named map[string]any) (any, error) {
	by, err := argument(pos, named)
	if err != nil {
		return nil, err
	}
	rest, err := arithmetic("%", pos[0], by)
	return equal(rest, 0), err
}

func isIn(pos []any, named map[string]any) (any, error) {
	in, err := argument(pos, named)
	if err != nil {
		return nil, err
	}
	found, ok := contains(in, pos[0])
	if !ok {
		return nil, fmt.Errorf("%s cannot be in %s", typeName(pos[0]), typeName(in))
	}
	return found, nil
}

func compares(op string) function {
	return func(pos []any, named map[string]any) (any, error) {
		with, err := argument(pos, named)
		if err != nil {
			return nil, err
		}
		if op == "==" || op == "!=" {
			return equal(pos[0], with) == (op == "=="), nil
		}
		if _, ok := order(pos[0], with); !ok {
			return nil, fmt.Errorf("cannot compare %s with %s", typeName(pos[0]), typeName(with))
		}
		return compare(link{op: op}, pos[0], with), nil
	}
}

func matches(before, after string) function {
	return func(pos []any, named map[string]any) (any, error) {
		pattern, err := argument(pos, named)
		if err != nil {
			return nil, err
		}
		re, err := regexp.Compile(before + str(pattern) + after)
		if err != nil {
			return nil, err
		}
		return re.MatchString(str(pos[0])), nil
	}
}
