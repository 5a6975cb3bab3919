package expr

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gofab/gofab/internal/source"
)

// Name is a variable that a text mentions and does not define itself: its name and the
// constant part of the path behind it ("search", "winner", "stdout").
type Name struct {
	Path []string
	Pos  source.Pos
	// Optional is set when the text only asks whether it is defined, or gives a default.
	Optional bool
}

// Root is the variable's name.
func (n Name) Root() string { return n.Path[0] }

func (n Name) String() string { return strings.Join(n.Path, ".") }

// freeNames walks the statements and collects what they mention and do not bind.
func freeNames(body []stmt, place func(int) source.Pos) []Name {
	w := &nameWalk{bound: []map[string]bool{globalNames, {}}}
	w.stmts(body)
	var names []Name
	for _, m := range unique(w.found, mention.key) {
		names = append(names, Name{Path: m.path, Pos: place(m.offset), Optional: m.optional})
	}
	return names
}

// mention is a Name before its offset has become a place.
type mention struct {
	path     []string
	offset   int
	optional bool
}

func (m mention) key() (string, bool) { return strings.Join(m.path, "\x00"), m.optional }

func (n Name) key() (string, bool) { return strings.Join(n.Path, "\x00"), n.Optional }

// unique keeps the first of each key; one that must be defined wins over one that may be
// missing.
func unique[T any](all []T, key func(T) (string, bool)) []T {
	var kept []T
	index := map[string]int{}
	for _, t := range all {
		k, optional := key(t)
		i, seen := index[k]
		if !seen {
			index[k] = len(kept)
			kept = append(kept, t)
			continue
		}
		if _, weak := key(kept[i]); weak && !optional {
			kept[i] = t
		}
	}
	return kept
}

type nameWalk struct {
	bound []map[string]bool
	found []mention
}

// scoped runs f with the names bound in addition.
func (w *nameWalk) scoped(names []string, f func()) {
	frame := map[string]bool{}
	for _, n := range names {
		frame[n] = true
	}
	w.bound = append(w.bound, frame)
	f()
	w.bound = w.bound[:len(w.bound)-1]
}

func (w *nameWalk) bind(name string) {
	w.bound[len(w.bound)-1][name] = true
}

func (w *nameWalk) isBound(name string) bool {
	return slices.ContainsFunc(w.bound, func(frame map[string]bool) bool { return frame[name] })
}

func (w *nameWalk) stmts(body []stmt) {
	for _, s := range body {
		w.stmt(s)
	}
}

func (w *nameWalk) stmt(s stmt) {
	switch s := s.(type) {
	case *output:
		w.node(s.expr)
	case *ifStmt:
		for _, c := range s.conds {
			w.node(c)
		}
		for _, b := range s.bodies {
			w.stmts(b)
		}
	case *forStmt:
		w.node(s.iter)
		w.scoped(append([]string{"loop"}, s.targets...), func() {
			w.node(s.cond)
			w.stmts(s.body)
		})
		w.stmts(s.empty)
	case *setStmt:
		w.node(s.expr)
		w.scoped(nil, func() { w.stmts(s.body) })
		w.bind(s.name)
	case *macroStmt:
		for _, d := range s.defaults {
			w.node(d)
		}
		w.bind(s.name)
		w.scoped(s.params, func() { w.stmts(s.body) })
	}
}

func (w *nameWalk) node(n node) {
	switch n := n.(type) {
	case nil, *literal:
	case *variable, *member, *item:
		w.mention(n, false)
	case *slice:
		w.each(n.of, n.from, n.to, n.step)
	case *call:
		w.callee(n.fn)
		w.args(n.args)
	case *filter:
		if n.name == "default" || n.name == "d" {
			w.mention(n.of, true)
		} else {
			w.node(n.of)
		}
		w.args(n.args)
	case *test:
		if n.name == "defined" || n.name == "undefined" {
			w.mention(n.of, true)
		} else {
			w.node(n.of)
		}
		w.args(n.args)
	case *unary:
		w.node(n.of)
	case *binary:
		w.each(n.left, n.right)
	case *comparison:
		w.node(n.first)
		for _, l := range n.links {
			w.node(l.right)
		}
	case *inlineIf:
		w.each(n.then, n.cond, n.els)
	case *list:
		w.each(n.items...)
	case *dict:
		w.each(n.keys...)
		w.each(n.vals...)
	}
}

func (w *nameWalk) each(nodes ...node) {
	for _, n := range nodes {
		w.node(n)
	}
}

func (w *nameWalk) args(a args) {
	w.each(a.pos...)
	w.each(a.kw...)
}

// callee leaves out the name of a method, which is no path into the data.
func (w *nameWalk) callee(fn node) {
	if m, ok := fn.(*member); ok {
		w.node(m.of)
		return
	}
	w.node(fn)
}

// mention notes the variable that n leads down to, if it is a path at all.
func (w *nameWalk) mention(n node, optional bool) {
	path, root, _ := w.path(n)
	if root != nil && !w.isBound(root.name) {
		w.found = append(w.found, mention{path: path, offset: root.offset(), optional: optional})
	}
}

// path follows members and subscripts down to the variable. It gives the constant keys from
// there on; exact tells that they lead all the way to n. What stands in a subscript that is
// not constant is mentioned in passing.
func (w *nameWalk) path(n node) (keys []string, root *variable, exact bool) {
	switch n := n.(type) {
	case *variable:
		return []string{n.name}, n, true
	case *member:
		return w.extend(n.of, n.name, true)
	case *item:
		key, ok := constantKey(n.key)
		if !ok {
			w.node(n.key)
		}
		return w.extend(n.of, key, ok)
	}
	w.node(n)
	return nil, nil, false
}

func (w *nameWalk) extend(of node, key string, constant bool) ([]string, *variable, bool) {
	keys, root, exact := w.path(of)
	if !exact || !constant {
		return keys, root, false
	}
	return append(keys, key), root, true
}

func constantKey(n node) (string, bool) {
	lit, ok := n.(*literal)
	if !ok {
		return "", false
	}
	switch key := lit.val.(type) {
	case string:
		return key, true
	case int:
		return strconv.Itoa(key), true
	}
	return "", false
}

// follow adds what the mentioned variables of the Env mention in turn.
func (e *Env) follow(names []Name) []Name {
	all := slices.Clone(names)
	seen := map[string]bool{}
	for i := 0; i < len(all); i++ {
		root := all[i].Root()
		if v := e.Vars[root]; v != nil && !seen[root] {
			seen[root] = true
			all = append(all, v.names...)
		}
	}
	return unique(all, Name.key)
}

// Check finds variables that are defined by themselves. The error is a source.Errors with a
// mistake for each circle, at the mention that closes it.
func (e *Env) Check() error {
	var errs source.List
	done := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(e.Vars)) {
		e.check(name, nil, done, &errs)
	}
	return errs.Err()
}

func (e *Env) check(name string, way []string, done map[string]bool, errs *source.List) {
	v := e.Vars[name]
	if v == nil || done[name] {
		return
	}
	way = append(slices.Clip(way), name)
	for _, n := range v.names {
		if i := slices.Index(way, n.Root()); i >= 0 {
			errs.Addf(n.Pos, "%s", circle(way[i:]))
			continue
		}
		e.check(n.Root(), way, done, errs)
	}
	done[name] = true
}

func circle(way []string) string {
	return fmt.Sprintf("the variable %s is defined by itself: %s -> %s", way[0], strings.Join(way, " -> "), way[0])
}
