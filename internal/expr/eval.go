package expr

import (
	"fmt"
	"strings"
)

// run is one rendering: its scope, and the variables of the Env that it has resolved.
type run struct {
	scope  map[string]any
	cache  map[string]any
	active []string // variables being resolved, outermost first
	steps  int
	depth  int // of macro calls
}

// maxSteps bounds the work of one rendering, about a second: a loop in a loop over a range
// must not hang a run that pays by the hour.
const (
	maxSteps = 1_000_000
	maxCalls = 50
)

// evaluator evaluates the code of one template within a run. locals are the frames of for,
// set and macro, innermost last.
type evaluator struct {
	*run
	tmpl   *Template
	locals []map[string]any
	out    *strings.Builder
}

func newRun(scope map[string]any) *run {
	return &run{scope: scope, cache: map[string]any{}}
}

func (r *run) in(t *Template, out *strings.Builder) *evaluator {
	return &evaluator{run: r, tmpl: t, locals: []map[string]any{{}}, out: out}
}

// render gives the template's text. A failure inside leaves as a *source.Error, since the
// offset in it is one of this template and not of whoever mentioned it.
func (r *run) render(t *Template) string {
	defer t.locate()
	if t.data != nil {
		return str(r.value(t))
	}
	var out strings.Builder
	r.in(t, &out).exec(t.body)
	return out.String()
}

// value gives what the template stands for.
func (r *run) value(t *Template) any {
	defer t.locate()
	if t.data != nil {
		return r.compose(t.data)
	}
	if len(t.body) == 1 {
		if o, ok := t.body[0].(*output); ok {
			return deep(r.in(t, nil).eval(o.expr))
		}
	}
	return r.render(t)
}

func (r *run) compose(data any) any {
	switch d := data.(type) {
	case *Template:
		return r.value(d)
	case []any:
		out := make([]any, len(d))
		for i := range d {
			out[i] = r.compose(d[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(d))
		for k := range d {
			out[k] = r.compose(d[k])
		}
		return out
	}
	return data
}

// locate gives a failure that passes through its place in this template.
func (t *Template) locate() {
	switch p := recover().(type) {
	case nil:
	case *failure:
		panic(t.located(p))
	default:
		panic(p)
	}
}

// eval evaluates n; what is undefined is an error.
func (e *evaluator) eval(n node) any {
	v, miss := e.try(n)
	if miss != nil {
		fail(miss.at, miss.hint, "%s", miss.msg)
	}
	return v
}

// try evaluates n and reports an undefined variable, member or item apart, for those who
// can do without.
func (e *evaluator) try(n node) (any, *missing) {
	e.step(n)
	switch n := n.(type) {
	case *variable:
		return e.variable(n)
	case *member:
		of, miss := e.try(n.of)
		if miss != nil {
			return nil, miss
		}
		return e.member(n, plain(of))
	case *item:
		of, miss := e.try(n.of)
		if miss != nil {
			return nil, miss
		}
		return e.item(n, plain(of), plain(e.eval(n.key)))
	}
	return plain(e.operation(n)), nil
}

func (e *evaluator) step(n node) {
	if e.steps++; e.steps > maxSteps {
		fail(n.offset(), "", "this takes too long: more than %d steps", maxSteps)
	}
}

func (e *evaluator) operation(n node) any {
	switch n := n.(type) {
	case *literal:
		return n.val
	case *list:
		items := make([]any, len(n.items))
		for i, item := range n.items {
			items[i] = e.eval(item)
		}
		return items
	case *dict:
		m := make(map[string]any, len(n.keys))
		for i, key := range n.keys {
			m[str(e.eval(key))] = e.eval(n.vals[i])
		}
		return m
	case *inlineIf:
		if truth(e.eval(n.cond)) {
			return e.eval(n.then)
		}
		if n.els == nil {
			return "" // as in Jinja: {{ "--json" if json }} is nothing when json is false
		}
		return e.eval(n.els)
	case *unary:
		return e.unary(n)
	case *binary:
		return e.binary(n)
	case *comparison:
		return e.comparison(n)
	case *slice:
		return e.slice(n)
	case *filter:
		return e.filter(n)
	case *test:
		return e.test(n)
	case *call:
		return e.call(n)
	}
	panic(fmt.Sprintf("no evaluation for %T", n))
}
