package expr

import (
	"maps"
	"slices"
	"strings"
)

// macro is the value of a name that {% macro %} defined, with what was visible there.
type macro struct {
	def    *macroStmt
	locals []map[string]any
}

func (e *evaluator) exec(body []stmt) {
	for _, s := range body {
		e.execOne(s)
	}
}

func (e *evaluator) execOne(s stmt) {
	switch s := s.(type) {
	case *verbatim:
		e.write(0, s.text)
	case *raw:
		e.write(0, s.text)
	case *output:
		e.write(s.expr.offset(), str(e.eval(s.expr)))
	case *ifStmt:
		e.ifElse(s)
	case *forStmt:
		e.forEach(s)
	case *setStmt:
		if s.expr != nil {
			e.set(s.name, e.eval(s.expr))
			return
		}
		e.set(s.name, e.capture(nil, s.body))
	case *macroStmt:
		e.set(s.name, &macro{def: s, locals: slices.Clone(e.locals)})
	}
}

func (e *evaluator) write(offset int, text string) {
	if e.out.Len()+len(text) > maxText {
		fail(offset, "", "the text gets too long: more than %d MiB", maxText>>20)
	}
	e.out.WriteString(text)
}

func (e *evaluator) set(name string, v any) { e.locals[len(e.locals)-1][name] = v }

func (e *evaluator) ifElse(s *ifStmt) {
	for i, cond := range s.conds {
		if truth(e.eval(cond)) {
			e.exec(s.bodies[i])
			return
		}
	}
	if len(s.bodies) > len(s.conds) {
		e.exec(s.bodies[len(s.conds)])
	}
}

// within runs f with a frame of its own: what it sets is gone afterwards, as in Jinja.
func (e *evaluator) within(frame map[string]any, f func()) {
	e.locals = append(e.locals, frame)
	f()
	e.locals = e.locals[:len(e.locals)-1]
}

func (e *evaluator) forEach(s *forStmt) {
	var frames []map[string]any
	for _, v := range e.iterate(s) {
		e.step(s)
		frame := e.unpack(s, v)
		keep := true
		if s.cond != nil {
			e.within(frame, func() { keep = truth(e.eval(s.cond)) })
		}
		if keep {
			frames = append(frames, frame)
		}
	}
	if len(frames) == 0 {
		e.within(map[string]any{}, func() { e.exec(s.empty) })
	}
	for i, frame := range frames {
		frame["loop"] = map[string]any{
			"index": i + 1, "index0": i, "length": len(frames),
			"revindex": len(frames) - i, "revindex0": len(frames) - i - 1,
			"first": i == 0, "last": i == len(frames)-1,
		}
		e.step(s)
		e.within(frame, func() { e.exec(s.body) })
	}
}

// iterate gives the items of a list, the keys of a mapping, the characters of a string.
func (e *evaluator) iterate(s *forStmt) []any {
	switch c := plain(e.eval(s.iter)).(type) {
	case []any:
		return c
	case map[string]any:
		return anys(sortedKeys(c))
	case string:
		return anys(strings.Split(c, ""))
	default:
		fail(s.iter.offset(), "", "%s is %s: there is nothing to go through", describe(s.iter), typeName(c))
		return nil
	}
}

func (e *evaluator) unpack(s *forStmt, v any) map[string]any {
	if len(s.targets) == 1 {
		return map[string]any{s.targets[0]: v}
	}
	parts, ok := plain(v).([]any)
	if !ok || len(parts) != len(s.targets) {
		fail(s.offset(), "a mapping has .items()", "each item must be a list of %d", len(s.targets))
	}
	frame := map[string]any{}
	for i, name := range s.targets {
		frame[name] = parts[i]
	}
	return frame
}

// capture renders body into a string.
func (e *evaluator) capture(frame map[string]any, body []stmt) string {
	outer := e.out
	e.out = &strings.Builder{}
	if frame == nil {
		frame = map[string]any{}
	}
	e.within(frame, func() { e.exec(body) })
	text := e.out.String()
	e.out = outer
	return text
}

func (e *evaluator) callMacro(n *call, m *macro, pos []any, named map[string]any) any {
	if e.depth++; e.depth > maxCalls {
		fail(n.offset(), "", "the macro %s calls itself too often", m.def.name)
	}
	if len(pos) > len(m.def.params) {
		fail(n.offset(), "", "the macro %s takes %d arguments, not %d", m.def.name, len(m.def.params), len(pos))
	}
	inner := &evaluator{run: e.run, tmpl: e.tmpl, locals: slices.Clone(m.locals), out: e.out}
	named = maps.Clone(named)
	frame := map[string]any{}
	for i, param := range m.def.params {
		v, given := named[param]
		delete(named, param)
		switch {
		case i < len(pos):
			frame[param] = pos[i]
		case given:
			frame[param] = v
		case m.def.defaults[i] != nil:
			frame[param] = inner.eval(m.def.defaults[i])
		default:
			fail(n.offset(), "", "the macro %s needs the argument %s", m.def.name, param)
		}
	}
	for _, name := range sortedKeys(named) {
		fail(n.offset(), "", "the macro %s has no argument %s", m.def.name, name)
	}
	text := inner.capture(frame, m.def.body)
	e.depth--
	return text
}

func anys(items []string) []any {
	out := make([]any, len(items))
	for i, s := range items {
		out[i] = s
	}
	return out
}
