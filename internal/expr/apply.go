package expr

import (
	"slices"
)

func (e *evaluator) arguments(a args) ([]any, map[string]any) {
	pos := make([]any, len(a.pos))
	for i, n := range a.pos {
		pos[i] = e.eval(n)
	}
	named := make(map[string]any, len(a.kw))
	for i, n := range a.kw {
		named[a.names[i]] = e.eval(n)
	}
	return pos, named
}

func (e *evaluator) filter(n *filter) any {
	if n.name == "default" || n.name == "d" {
		return e.orDefault(n)
	}
	in := e.eval(n.of)
	pos, named := e.arguments(n.args)
	return e.must(n, func() (any, error) { return applyFilter(n.name, in, pos, named) })
}

// orDefault is the default filter: the argument when the value is undefined or, with a
// second argument that is true, when it is false or empty.
func (e *evaluator) orDefault(n *filter) any {
	v, miss := e.try(n.of)
	pos, named := e.arguments(n.args)
	if len(pos) > 2 {
		fail(n.offset(), "", "default takes the value and, if it is to replace what is empty as well, true")
	}
	var otherwise, alsoFalse any = "", false
	for i, into := range []*any{&otherwise, &alsoFalse} {
		if i < len(pos) {
			*into = pos[i]
		} else if kw, ok := named[[]string{"default_value", "boolean"}[i]]; ok {
			*into = kw
		}
	}
	if miss != nil || truth(alsoFalse) && !truth(v) {
		return otherwise
	}
	return v
}

func (e *evaluator) test(n *test) any {
	if n.name == "defined" || n.name == "undefined" {
		_, miss := e.try(n.of)
		return (miss == nil) == (n.name == "defined") != n.not
	}
	in := e.eval(n.of)
	pos, named := e.arguments(n.args)
	v := e.must(n, func() (any, error) { return applyTest(n.name, in, pos, named) })
	return v.(bool) != n.not
}

func (e *evaluator) call(n *call) any {
	pos, named := e.arguments(n.args)
	switch fn := n.fn.(type) {
	case *variable:
		if v, miss := e.lookUpCallable(fn); miss == nil {
			return e.callValue(n, v, pos, named)
		}
		if global, ok := globals[fn.name]; ok {
			return e.must(n, func() (any, error) { return global(pos, named) })
		}
	case *member:
		of := plain(e.eval(fn.of))
		if m, ok := of.(map[string]any); !ok || m[fn.name] == nil {
			return e.must(fn, func() (any, error) { return callMethod(of, fn.name, pos, named) })
		}
	}
	return e.callValue(n, e.eval(n.fn), pos, named)
}

func (e *evaluator) lookUpCallable(fn *variable) (any, *missing) {
	if globalNames[fn.name] {
		for _, frame := range slices.Backward(e.locals) {
			if v, ok := frame[fn.name]; ok {
				return v, nil
			}
		}
		return nil, &missing{}
	}
	return e.try(fn)
}

func (e *evaluator) callValue(n *call, v any, pos []any, named map[string]any) any {
	m, ok := plain(v).(*macro)
	if !ok {
		fail(n.offset(), "", "%s is %s and cannot be called", describe(n.fn), typeName(v))
	}
	return e.callMacro(n, m, pos, named)
}
