package expr

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nikolalohinski/gonja/v2/builtins"
	"github.com/nikolalohinski/gonja/v2/config"
	"github.com/nikolalohinski/gonja/v2/exec"
)

// function is a filter, a test, a global or a method of ours. For a filter or a test the
// first positional argument is what it is applied to.
type function func(pos []any, named map[string]any) (any, error)

// fromGonja are the filters that are gonja's own. Not among them: what serves HTML, and what
// filter.go has in a version that keeps to Jinja.
var fromGonja = []string{
	"abs", "batch", "capitalize", "center", "filesizeformat", "float", "indent", "int", "join", "lower",
	"map", "random", "reject", "rejectattr", "replace", "reverse", "round", "select", "selectattr",
	"slice", "sort", "sum", "title", "trim", "truncate", "unique", "upper", "urlencode", "wordcount",
	"wordwrap",
}

// library is gonja's environment with our filters and tests in it, so that
// map("quote") and select("match", "x") find them too.
var library = newLibrary()

func newLibrary() *exec.Environment {
	env := &exec.Environment{
		Filters: exec.NewFilterSet(map[string]exec.FilterFunction{}).Update(builtins.Filters),
		Tests:   exec.NewTestSet(map[string]exec.TestFunction{}).Update(builtins.Tests),
		Context: exec.EmptyContext(),
		Methods: builtins.Methods,
	}
	filters := map[string]exec.FilterFunction{}
	for name, f := range ourFilters {
		filters[name] = func(_ *exec.Evaluator, in *exec.Value, a *exec.VarArgs) *exec.Value {
			v, err := f(values(in, a))
			if err != nil {
				return exec.AsValue(err)
			}
			return exec.AsValue(v)
		}
	}
	tests := map[string]exec.TestFunction{}
	for name, f := range ourTests {
		tests[name] = func(_ *exec.Context, in *exec.Value, a *exec.VarArgs) (bool, error) {
			v, err := f(values(in, a))
			return truth(v), err
		}
	}
	env.Filters.Update(exec.NewFilterSet(filters))
	env.Tests.Update(exec.NewTestSet(tests))
	return env
}

func values(in *exec.Value, a *exec.VarArgs) (pos []any, named map[string]any) {
	pos = []any{plain(in)}
	for _, v := range a.Args {
		pos = append(pos, plain(v))
	}
	named = map[string]any{}
	for k, v := range a.KwArgs {
		named[k] = plain(v)
	}
	return pos, named
}

// Filters are the names of all filters, in order.
func Filters() []string {
	return slices.Sorted(slices.Values(append(slices.Collect(maps.Keys(ourFilters)), append(fromGonja, "default", "d")...)))
}

// Tests are the names of all tests, in order.
func Tests() []string {
	return slices.Sorted(slices.Values(append(slices.Collect(maps.Keys(ourTests)), "defined", "undefined")))
}

func isFilter(name string) bool {
	return ourFilters[name] != nil || name == "default" || name == "d" || slices.Contains(fromGonja, name)
}

func isTest(name string) bool {
	return ourTests[name] != nil || name == "defined" || name == "undefined"
}

func applyFilter(name string, in any, pos []any, named map[string]any) (any, error) {
	if f, ok := ourFilters[name]; ok {
		v, err := f(append([]any{in}, pos...), named)
		return v, wrap(name, err)
	}
	if in = plain(in); name == "int" || name == "float" {
		in, _ = asNumber(in)
	}
	if err := suits(name, in, named); err != nil {
		return nil, err
	}
	return viaGonja(name, pos, named, func(e *exec.Evaluator, a *exec.VarArgs) (any, error) {
		out := e.ExecuteFilterByName(name, exec.AsValue(deep(in)), a)
		if out.IsError() {
			return nil, errors.New(out.Error())
		}
		return deep(out), nil
	})
}

// asNumber makes 0 or 1 of a bool, as Python does.
func asNumber(v any) (any, bool) {
	if b, ok := v.(bool); ok {
		return number(b)
	}
	return v, false
}

var ofLists = []string{"batch", "map", "reject", "rejectattr", "select", "selectattr", "slice", "sort", "sum", "unique"}

// suits refuses what gonja would answer with an empty text or a zero.
func suits(name string, in any, named map[string]any) error {
	items, isList := in.([]any)
	switch {
	case slices.Contains(ofLists, name):
		if _, err := toList([]any{in}, nil); err != nil {
			return fmt.Errorf("%s: it takes a list, not %s", name, typeName(in))
		}
	case name == "round" || name == "abs":
		if _, ok := number(in); !ok {
			return fmt.Errorf("%s: it takes a number, not %s", name, typeName(in))
		}
	}
	if attr, ok := named["attribute"]; ok && isList && named["default"] == nil {
		return haveAttribute(name, items, str(attr))
	}
	return nil
}

// haveAttribute is strict where gonja takes None for an attribute that is not there.
func haveAttribute(name string, items []any, path string) error {
	for i, v := range items {
		for _, key := range strings.Split(path, ".") {
			var found bool
			switch c := plain(v).(type) {
			case map[string]any:
				v, found = c[key]
			case []any:
				n, err := strconv.Atoi(key)
				if found = err == nil && n >= 0 && n < len(c); found {
					v = c[n]
				}
			}
			if !found {
				return fmt.Errorf("%s: item %d has no %q", name, i, key)
			}
		}
	}
	return nil
}

func applyTest(name string, in any, pos []any, named map[string]any) (any, error) {
	v, err := ourTests[name](append([]any{in}, pos...), named)
	return truth(v), wrap(name, err)
}

func wrap(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// maxArgument bounds the numbers that gonja is given, which it would fill with blanks.
const maxArgument = 1 << 20

// viaGonja calls into gonja and turns its panics into errors.
func viaGonja(name string, pos []any, named map[string]any, f func(*exec.Evaluator, *exec.VarArgs) (any, error)) (v any, err error) {
	defer func() {
		if p := recover(); p != nil {
			v, err = nil, fmt.Errorf("%s does not work on this: %v", name, p)
		}
	}()
	a := exec.NewVarArgs()
	for _, arg := range pos {
		a.Args = append(a.Args, exec.AsValue(deep(arg)))
	}
	for k, arg := range named {
		a.KwArgs[k] = exec.AsValue(deep(arg))
	}
	for _, arg := range append(slices.Collect(maps.Values(named)), pos...) {
		if n, ok := plain(arg).(int); ok && (n > maxArgument || n < -maxArgument) {
			return nil, fmt.Errorf("%s: the number %d is too large", name, n)
		}
	}
	cfg := config.New()
	cfg.StrictUndefined = true
	v, err = f(&exec.Evaluator{Config: cfg, Environment: library}, a)
	return v, tidy(err)
}

// tidy keeps the part of a gonja message that is about the mistake.
func tidy(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.TrimPrefix(err.Error(), "invalid call to "))
}

var globals = map[string]function{"range": rangeOf, "dict": dictOf}

var globalNames = map[string]bool{"range": true, "dict": true}

// maxRange bounds the length of a range.
const maxRange = 1_000_000

func rangeOf(pos []any, named map[string]any) (any, error) {
	bounds := make([]int, len(pos))
	for i, v := range pos {
		n, ok := plain(v).(int)
		if !ok {
			return nil, fmt.Errorf("range takes integers, not %s", typeName(v))
		}
		bounds[i] = n
	}
	from, to, step := 0, 0, 1
	switch len(bounds) {
	case 1:
		to = bounds[0]
	case 2:
		from, to = bounds[0], bounds[1]
	case 3:
		from, to, step = bounds[0], bounds[1], bounds[2]
	}
	if len(bounds) == 0 || len(bounds) > 3 || len(named) > 0 || step == 0 {
		return nil, errors.New("range takes ([from,] to [, step]), and a step that is not 0")
	}
	items := []any{}
	for i := from; step > 0 && i < to || step < 0 && i > to; i += step {
		if len(items) == maxRange {
			return nil, fmt.Errorf("the range has more than %d items", maxRange)
		}
		items = append(items, i)
		if next := i + step; (next > i) != (step > 0) {
			break
		}
	}
	return items, nil
}

func dictOf(pos []any, named map[string]any) (any, error) {
	if len(pos) > 0 {
		return nil, errors.New("dict takes named arguments")
	}
	return named, nil
}
