// Package expr reads and evaluates the {{ }} of a playbook: Jinja, with every mistake at its
// place in the file.
//
// A text is parsed once, before anything is launched: syntax, filters and tests are checked,
// and Names says which variables it will ask for. Rendering is strict: a variable that is
// not there is an error that names it, never an empty string. What a variable holds is data
// and is not rendered again; only the variables of an Env are templates themselves.
//
// The filters and the methods of strings are those of gonja, but for those where it departs
// from Jinja (library.go, filter.go). The grammar and the evaluation are this package's own:
// gonja 2.9.1 takes too much without a word, for a tool that pays for machines. With it
// 1 < 9 < 5 holds, and so does "x" > 4; {{ a @ }} is a; {{ [undefined] }} renders, with
// strict undefined, "[<errors.fundamental Value>]"; x in a | list filters the answer and not
// the list; None is not defined. An inline if cannot stand in parentheses, an expression goes
// over a line break only by luck, "\d" is a syntax error, and of a mistake at run time only
// the line is known.
package expr

import (
	"fmt"
	"strings"

	"github.com/gofab/gofab/internal/source"
)

// Env is what templates see beside the scope they are rendered in.
//
// Vars are variables whose value is a template. A mention of one renders it in the same
// scope, when it is needed and once per rendering; a name in the scope hides it. Fill Vars
// before the first rendering; afterwards an Env is safe for concurrent use.
type Env struct {
	Vars map[string]*Template
}

// Template is a parsed text. It is immutable and safe for concurrent use.
type Template struct {
	text  string
	env   *Env
	body  []stmt
	data  any // for Compose: plain data with templates as leaves
	place func(offset int) source.Pos
	names []Name
}

// Condition is a parsed bare expression. It is immutable and safe for concurrent use.
type Condition struct {
	tmpl *Template
	root node
}

// Option changes how a text is parsed.
type Option func(*options)

type options struct {
	place func(offset int) source.Pos
}

// At maps a byte offset of the text to its place in the file. Without it the text is taken
// to stand in the file as it is, its further lines indented as far as its first.
func At(place func(offset int) source.Pos) Option {
	return func(o *options) { o.place = place }
}

// Parse reads a text that may hold {{ }}, {% %} and {# #}. pos is where its first character
// stands. The error is a *source.Error at the place of the mistake.
func Parse(text string, pos source.Pos, env *Env, opts ...Option) (*Template, error) {
	t := newTemplate(text, pos, env, opts)
	err := t.guard(func() {
		t.body = parseTemplate(text)
		t.names = freeNames(t.body, t.place)
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// ParseCondition reads a bare expression, as in when: D > 4.
func ParseCondition(text string, pos source.Pos, env *Env, opts ...Option) (*Condition, error) {
	c := &Condition{tmpl: newTemplate(text, pos, env, opts)}
	err := c.tmpl.guard(func() {
		c.root = parseCondition(text)
		c.tmpl.names = freeNames([]stmt{&output{expr: c.root}}, c.tmpl.place)
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Literal is a template that renders to text as it stands, braces included.
func Literal(text string) *Template {
	return &Template{text: text, body: []stmt{&verbatim{text: text}}, place: layout(text, source.Pos{})}
}

// Compose makes one template of plain data (maps with string keys, lists, scalars) whose
// leaves may be templates; its value is the data with the leaves' values.
func Compose(data any, pos source.Pos, env *Env) *Template {
	t := &Template{env: env, data: data, place: layout("", pos)}
	var names []Name
	walkLeaves(data, func(leaf *Template) { names = append(names, leaf.names...) })
	t.names = unique(names, Name.key)
	return t
}

func newTemplate(text string, pos source.Pos, env *Env, opts []Option) *Template {
	o := options{place: layout(text, pos)}
	for _, opt := range opts {
		opt(&o)
	}
	if env == nil {
		env = &Env{}
	}
	return &Template{text: text, env: env, place: o.place}
}

// layout places offsets of a text that stands in the file as it is, every line beginning in
// the column of the first: true of one-line scalars and of YAML's literal blocks.
func layout(text string, pos source.Pos) func(int) source.Pos {
	return func(offset int) source.Pos {
		before := text[:min(max(offset, 0), len(text))]
		at := pos
		at.Line += strings.Count(before, "\n")
		if at.Col > 0 {
			at.Col += len([]rune(before[strings.LastIndexByte(before, '\n')+1:]))
		}
		return at
	}
}

// Text is the source text of the template.
func (t *Template) Text() string { return t.text }

// Pos is where the template begins.
func (t *Template) Pos() source.Pos { return t.place(0) }

// IsConst tells that the text holds neither {{ nor {%: it renders the same in every scope.
func (t *Template) IsConst() bool {
	if t.data != nil {
		return false
	}
	for _, s := range t.body {
		if _, ok := s.(*verbatim); !ok {
			return false
		}
	}
	return true
}

// Names are the variables that the template itself mentions, in the order of the text.
func (t *Template) Names() []Name { return t.names }

// AllNames adds to Names what the variables of the Env mention in turn.
func (t *Template) AllNames() []Name { return t.env.follow(t.names) }

// Render gives the text with everything in braces replaced, all else byte for byte.
func (t *Template) Render(scope map[string]any) (text string, err error) {
	err = t.guard(func() { text = newRun(scope).render(t) })
	return text, err
}

// Value gives what a text that is exactly one {{ expression }} stands for, with its type;
// of any other text, the rendered string. The value is nil, a bool, an int, a float64, a
// string, a []any or a map[string]any, and shares no memory with the scope.
func (t *Template) Value(scope map[string]any) (v any, err error) {
	err = t.guard(func() { v = newRun(scope).value(t) })
	return v, err
}

// Names are the variables that the condition itself mentions, in the order of the text.
func (c *Condition) Names() []Name { return c.tmpl.names }

// AllNames adds to Names what the variables of the Env mention in turn.
func (c *Condition) AllNames() []Name { return c.tmpl.AllNames() }

// Text is the source text of the condition.
func (c *Condition) Text() string { return c.tmpl.text }

// Pos is where the condition begins.
func (c *Condition) Pos() source.Pos { return c.tmpl.Pos() }

// Eval tells whether the condition holds: the truth of Jinja, where 0, "", None and what is
// empty are false. A text such as "no", which would be true, is a mistake.
func (c *Condition) Eval(scope map[string]any) (holds bool, err error) {
	err = c.tmpl.guard(func() { holds = newRun(scope).in(c.tmpl, nil).holds(c.root) })
	return holds, err
}

// failure is how a mistake leaves the depths of the parser and the evaluator, as in
// text/template: it is thrown there and caught at this package's doors, nowhere else.
type failure struct {
	offset int
	msg    string
	hint   string
}

func fail(offset int, hint, format string, args ...any) {
	panic(&failure{offset: offset, msg: fmt.Sprintf(format, args...), hint: hint})
}

// guard runs f and turns a failure in it into an error at its place. It also stands between
// the caller and panics of the filters, which are not ours.
func (t *Template) guard(f func()) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *source.Error:
			err = p
		case *failure:
			err = t.located(p)
		default:
			err = &source.Error{Pos: t.place(0), Msg: fmt.Sprintf("cannot evaluate this: %v", p)}
		}
	}()
	f()
	return nil
}

func (t *Template) located(f *failure) *source.Error {
	return &source.Error{Pos: t.place(f.offset), Msg: f.msg, Hint: f.hint}
}

func walkLeaves(data any, visit func(*Template)) {
	switch d := data.(type) {
	case *Template:
		visit(d)
	case []any:
		for _, item := range d {
			walkLeaves(item, visit)
		}
	case map[string]any:
		for _, key := range sortedKeys(d) {
			walkLeaves(d[key], visit)
		}
	}
}
