package playbook

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gofab/gofab/internal/expr"
	"github.com/gofab/gofab/internal/source"
)

// Resolve brings the declared variables and those of the command line together. values are
// the variables that are settled; lazy holds the others, whose defaults are templates.
// builtins are names that a step finds anyway and that no variable may take. The error is a
// source.Errors with every mistake; values and lazy are then as good as they can be.
func (b *Book) Resolve(extra []Extra, builtins []string) (values map[string]any, lazy *expr.Env, err error) {
	var errs source.List
	values, lazy = map[string]any{}, &expr.Env{Vars: map[string]*expr.Template{}}
	overridden := b.override(extra, builtins, values, &errs)
	for _, v := range b.Vars {
		if !checkName(v, builtins, &errs) {
			continue
		}
		data, isTemplate := v.Value.data(lazy, &errs)
		switch {
		case overridden[v.Name]:
		case isTemplate:
			lazy.Vars[v.Name] = data.(*expr.Template)
		default:
			values[v.Name] = data
		}
	}
	for _, e := range source.All(lazy.Check(), source.Pos{File: b.File}) {
		errs.Add(e)
	}
	return values, lazy, errs.Err()
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func checkName(v Var, builtins []string, errs *source.List) bool {
	e := &source.Error{Pos: v.Pos}
	switch {
	case !identifier.MatchString(v.Name):
		e.Msg = fmt.Sprintf("%q cannot be the name of a variable", v.Name)
		e.Hint = "names are letters, digits and _, and do not begin with a digit"
		if other := strings.NewReplacer("-", "_", ".", "_", " ", "_").Replace(v.Name); identifier.MatchString(other) {
			e.Hint = "write " + other
		}
	case slices.Contains(builtins, v.Name):
		e.Msg = fmt.Sprintf("the name %s is taken: it is built in", v.Name)
		e.Hint = "built in are " + strings.Join(builtins, ", ")
	case slices.Contains(expr.Keywords(), v.Name):
		e.Msg = fmt.Sprintf("%s is a word of the language and cannot be the name of a variable", v.Name)
	default:
		return true
	}
	errs.Add(e)
	return false
}

// data is the value with texts that hold {{ }} parsed. isTemplate tells that data is a
// *expr.Template, since at least one text was such.
func (v Value) data(env *expr.Env, errs *source.List) (data any, isTemplate bool) {
	data, isTemplate = v.leaves(env, errs)
	if _, single := data.(*expr.Template); isTemplate && !single {
		data = expr.Compose(data, v.Pos(), env)
	}
	return data, isTemplate
}

func (v Value) leaves(env *expr.Env, errs *source.List) (data any, templates bool) {
	switch {
	case v.IsMapping():
		m := map[string]any{}
		for _, p := range v.Pairs() {
			item, is := p.Value.leaves(env, errs)
			m[p.Key], templates = item, templates || is
		}
		return m, templates
	case v.IsList():
		items := []any{}
		for _, item := range v.List() {
			data, is := item.leaves(env, errs)
			items, templates = append(items, data), templates || is
		}
		return items, templates
	case v.IsString():
		return v.text(env, errs)
	}
	data, err := v.Any()
	for _, e := range source.All(err, v.Pos()) {
		errs.Add(e)
	}
	return data, false
}

func (v Value) text(env *expr.Env, errs *source.List) (any, bool) {
	t, err := v.Template(env)
	switch {
	case err != nil:
		for _, e := range source.All(err, v.Pos()) {
			errs.Add(e)
		}
	case !t.IsConst():
		return t, true
	}
	if err == nil {
		text, _ := t.Render(nil)
		return text, false
	}
	return v.node.Value, false
}

// override puts what the command line says into values, with the types of the defaults.
func (b *Book) override(extra []Extra, builtins []string, values map[string]any, errs *source.List) map[string]bool {
	done := map[string]bool{}
	for _, e := range extra {
		i := slices.IndexFunc(b.Vars, func(v Var) bool { return v.Name == e.Name })
		if i < 0 {
			errs.Add(b.undeclared(e, builtins))
			continue
		}
		v, err := e.as(b.Vars[i])
		if err != nil {
			errs.Add(err) // the default stays, so that nothing else is found missing
			continue
		}
		done[e.Name] = true
		values[e.Name] = v
	}
	return done
}

func (b *Book) undeclared(e Extra, builtins []string) *source.Error {
	var declared []string
	for _, v := range b.Vars {
		declared = append(declared, v.Name)
	}
	problem := &source.Error{Pos: e.Pos, Msg: "the playbook declares no variable " + e.Name}
	switch hint := source.Suggest(e.Name, declared); {
	case slices.Contains(builtins, e.Name):
		problem.Msg = e.Name + " is built in and cannot be set"
	case hint != "":
		problem.Hint = hint
	case len(declared) == 0:
		problem.Hint = "it declares none: add vars:"
	default:
		problem.Hint = "it declares " + strings.Join(declared, ", ")
	}
	return problem
}

// as is the value with the type of the variable's default.
func (e Extra) as(v Var) (any, *source.Error) {
	want := typeOf(v.Value)
	value := e.Value
	if text, ok := value.(string); ok && e.Text {
		var fits bool
		if value, fits = want.read(text); !fits {
			return nil, e.mismatch(v, want)
		}
	}
	if f, isInt := value.(int); isInt && want.name == "a number" {
		value = float64(f)
	}
	if !want.admits(value) {
		return nil, e.mismatch(v, want)
	}
	return value, nil
}

func (e Extra) mismatch(v Var, want kind) *source.Error {
	problem := &source.Error{
		Pos: e.Pos,
		Msg: fmt.Sprintf("%s is %s (default %s, %s)", v.Name, want.name, v.Value.short(), v.Value.Pos()),
	}
	if e.Text {
		problem.Pos.File += fmt.Sprintf("=%v", e.Value)
	} else {
		problem.Msg += ", not " + nameOf(e.Value)
	}
	return problem
}

func nameOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case int:
		return "an integer"
	case float64:
		return "a number with a fraction"
	case []any:
		return "a list"
	case map[string]any:
		return "a mapping"
	}
	return "a text"
}

// short shows a default in a message.
func (v Value) short() string {
	if text, ok := v.Scalar(); ok {
		if v.IsNull() {
			return "null"
		}
		if runes := []rune(text); len(runes) > 40 {
			text = string(runes[:40]) + "…"
		}
		if v.IsString() {
			return strconv.Quote(text)
		}
		return text
	}
	return v.KindName()
}

// kind is the type that a default gives its variable.
type kind struct {
	name   string
	read   func(text string) (any, bool)
	admits func(v any) bool
}

func typeOf(v Value) kind {
	switch {
	case v.IsMapping():
		return kind{"a mapping", readYAML, isA[map[string]any]}
	case v.IsList():
		return kind{"a list", readYAML, isA[[]any]}
	case v.IsBool():
		return kind{"a boolean", readBool, isA[bool]}
	case v.tag() == "!!int":
		return kind{"an integer", readInt, isA[int]}
	case v.tag() == "!!float":
		return kind{"a number", readFloat, isA[float64]}
	case v.IsString() && !strings.Contains(v.node.Value, "{{") && !strings.Contains(v.node.Value, "{%"):
		return kind{"a text", func(s string) (any, bool) { return s, true }, isA[string]}
	}
	// null and templates say nothing about the type.
	return kind{"of any type", readYAML, func(any) bool { return true }}
}

func isA[T any](v any) bool { _, ok := v.(T); return ok }

func readInt(s string) (any, bool) {
	n, err := strconv.ParseInt(strings.ReplaceAll(s, "_", ""), 10, 64)
	return int(n), err == nil
}

func readFloat(s string) (any, bool) {
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

func readBool(s string) (any, bool) {
	switch strings.ToLower(s) {
	case "true", "yes", "on":
		return true, true
	case "false", "no", "off":
		return false, true
	}
	return nil, false
}

// readYAML reads "[1, 2]" as a list and "8" as a number; what is no YAML is a text.
func readYAML(s string) (any, bool) {
	var errs source.List
	root, ok := parse("-e", []byte(s), &errs)
	if !ok || errs.Len() > 0 {
		return s, true
	}
	data, err := root.Any()
	if err != nil {
		return s, true
	}
	return data, true
}
