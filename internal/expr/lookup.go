package expr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gofab/gofab/internal/source"
)

// missing says why a variable, or a part of one, is not there.
type missing struct {
	at        int
	msg, hint string
}

// variable looks in the locals, then in the scope, then among the variables of the Env.
func (e *evaluator) variable(n *variable) (any, *missing) {
	for _, frame := range slices.Backward(e.locals) {
		if v, ok := frame[n.name]; ok {
			return plain(v), nil
		}
	}
	if v, ok := e.scope[n.name]; ok {
		return plain(v), nil
	}
	if v := e.tmpl.env.Vars[n.name]; v != nil {
		return e.resolve(n, v), nil
	}
	if globalNames[n.name] {
		fail(n.offset(), "", "%s is a function: write %s(…)", n.name, n.name)
	}
	return nil, &missing{
		at:   n.offset(),
		msg:  fmt.Sprintf("the variable %s is not defined", n.name),
		hint: source.Suggest(n.name, e.known()),
	}
}

func (e *evaluator) known() []string {
	names := sortedKeys(e.scope)
	for name := range e.tmpl.env.Vars {
		names = append(names, name)
	}
	for _, frame := range e.locals {
		names = append(names, sortedKeys(frame)...)
	}
	slices.Sort(names)
	return names
}

// resolve gives the value of a variable that is a template.
func (e *evaluator) resolve(n *variable, t *Template) any {
	if v, ok := e.cache[n.name]; ok {
		return v
	}
	if i := slices.Index(e.active, n.name); i >= 0 {
		fail(n.offset(), "", "%s", circle(e.active[i:]))
	}
	e.active = append(e.active, n.name)
	v := e.value(t)
	e.active = e.active[:len(e.active)-1]
	e.cache[n.name] = v
	return v
}

func (e *evaluator) member(n *member, of any) (any, *missing) {
	if m, ok := of.(map[string]any); ok {
		if v, ok := m[n.name]; ok {
			return plain(v), nil
		}
	}
	return nil, absent(n, of, n.name)
}

func (e *evaluator) item(n *item, of, key any) (any, *missing) {
	switch c := of.(type) {
	case map[string]any:
		if v, ok := c[str(key)]; ok {
			return plain(v), nil
		}
		return nil, absent(n, of, str(key))
	case []any:
		if i, ok := e.index(n, key, len(c)); ok {
			return plain(c[i]), nil
		}
		return nil, &missing{at: n.offset(), msg: fmt.Sprintf("%s has no item %s: it has %d", describe(n.of), repr(key), len(c))}
	case string:
		runes := []rune(c)
		if i, ok := e.index(n, key, len(runes)); ok {
			return string(runes[i]), nil
		}
		return nil, &missing{at: n.offset(), msg: fmt.Sprintf("%s has no character %s: it has %d", describe(n.of), repr(key), len(runes))}
	}
	return nil, absent(n, of, str(key))
}

// index counts from the end when key is negative.
func (e *evaluator) index(n *item, key any, length int) (int, bool) {
	i, ok := key.(int)
	if !ok {
		fail(n.offset(), "", "the index of %s must be an integer, not %s", typeName([]any{}), typeName(key))
	}
	if i < 0 {
		i += length
	}
	return i, i >= 0 && i < length
}

// absent says that of has no such key, and which it has.
func absent(n node, of any, key string) *missing {
	var base node
	switch n := n.(type) {
	case *member:
		base = n.of
	case *item:
		base = n.of
	}
	miss := &missing{at: n.offset()}
	m, ok := of.(map[string]any)
	if !ok {
		miss.msg = fmt.Sprintf("%s is %s, which has no %q", describe(base), typeName(of), key)
		return miss
	}
	keys := sortedKeys(m)
	miss.msg = fmt.Sprintf("%s has no %q", describe(base), key)
	miss.hint = source.Suggest(key, keys)
	if miss.hint == "" && len(keys) > 0 && len(keys) <= 12 {
		miss.hint = "it has " + strings.Join(keys, ", ")
	}
	return miss
}

// describe names an expression in a message.
func describe(n node) string {
	switch n := n.(type) {
	case *variable:
		return n.name
	case *member:
		return describe(n.of) + "." + n.name
	case *item:
		if key, ok := n.key.(*literal); ok {
			return describe(n.of) + "[" + repr(key.val) + "]"
		}
		return describe(n.of) + "[…]"
	}
	return "the value"
}
