package expr

import (
	"slices"
	"strings"
)

func (e *evaluator) unary(n *unary) any {
	v := e.eval(n.of)
	if n.op == "not" {
		return !truth(v)
	}
	x, ok := number(v)
	if !ok {
		fail(n.offset(), "", "%s cannot stand before %s", n.op, typeName(v))
	}
	if n.op == "+" {
		return x
	}
	if i, ok := x.(int); ok {
		return e.must(n, func() (any, error) { return onInts("-", 0, i) })
	}
	return -toFloat(x)
}

// holds is the truth of a condition. YAML 1.2 takes no and off for texts, and so is what comes from
// the command line or from a command: whoever writes them does not mean that they hold.
func (e *evaluator) holds(n node) bool {
	switch n := n.(type) {
	case *unary:
		if n.op == "not" {
			return !e.holds(n.of)
		}
	case *binary:
		switch n.op {
		case "and":
			return e.holds(n.left) && e.holds(n.right)
		case "or":
			return e.holds(n.left) || e.holds(n.right)
		}
	}
	v := e.eval(n)
	if text, ok := plain(v).(string); ok && slices.Contains(booleans, strings.ToLower(text)) {
		fail(n.offset(), `write true or false without quotes where it is set, or compare it here: == "yes"`,
			"this is the text %q and no boolean: as a condition, every text but the empty one is true", text)
	}
	return truth(v)
}

var booleans = []string{"yes", "no", "on", "off", "true", "false", "y", "n"}

func (e *evaluator) must(n node, f func() (any, error)) any {
	v, err := f()
	if err != nil {
		fail(n.offset(), "", "%s", err)
	}
	return v
}

func (e *evaluator) binary(n *binary) any {
	left := e.eval(n.left)
	switch n.op {
	case "and":
		if !truth(left) {
			return left
		}
		return e.eval(n.right)
	case "or":
		if truth(left) {
			return left
		}
		return e.eval(n.right)
	}
	right := e.eval(n.right)
	if n.op == "~" {
		return str(left) + str(right)
	}
	return e.must(n, func() (any, error) { return arithmetic(n.op, left, right) })
}

func (e *evaluator) comparison(n *comparison) any {
	left := e.eval(n.first)
	for _, l := range n.links {
		right := e.eval(l.right)
		if !compare(l, left, right) {
			return false
		}
		left = right
	}
	return true
}

func compare(l link, a, b any) bool {
	switch l.op {
	case "==":
		return equal(a, b)
	case "!=":
		return !equal(a, b)
	case "in", "not in":
		found, ok := contains(b, a)
		if !ok {
			fail(l.at, "", "%s cannot be in %s", typeName(a), typeName(b))
		}
		return found == (l.op == "in")
	}
	c, ok := order(a, b)
	if !ok {
		hint := ""
		if typeName(a) == "a string" || typeName(b) == "a string" {
			hint = "| int makes a number of a string"
		}
		fail(l.at, hint, "cannot compare %s with %s", typeName(a), typeName(b))
	}
	switch l.op {
	case "<":
		return c == -1
	case "<=":
		return c == -1 || c == 0
	case ">":
		return c == 1
	}
	return c == 1 || c == 0
}

// slice is Python's of[from:to:step].
func (e *evaluator) slice(n *slice) any {
	switch of := plain(e.eval(n.of)).(type) {
	case string:
		runes := []rune(of)
		var b strings.Builder
		e.each(n, len(runes), func(i int) { b.WriteRune(runes[i]) })
		return b.String()
	case []any:
		items := []any{}
		e.each(n, len(of), func(i int) { items = append(items, of[i]) })
		return items
	default:
		fail(n.offset(), "", "%s is %s, which cannot be sliced", describe(n.of), typeName(of))
		return nil
	}
}

func (e *evaluator) each(n *slice, length int, visit func(int)) {
	step := e.bound(n.step, 1)
	if step == 0 {
		fail(n.offset(), "", "the step of a slice cannot be 0")
	}
	clamp := func(i, lowest, highest int) int {
		if i < 0 {
			i += length
		}
		return min(max(i, lowest), highest)
	}
	if step > 0 {
		from, to := clamp(e.bound(n.from, 0), 0, length), clamp(e.bound(n.to, length), 0, length)
		for i := from; i < to; i += min(step, length) {
			visit(i)
		}
		return
	}
	from, to := length-1, -1
	if n.from != nil {
		from = clamp(e.bound(n.from, 0), -1, length-1)
	}
	if n.to != nil {
		to = clamp(e.bound(n.to, 0), -1, length-1)
	}
	for i := from; i > to; i += max(step, -length) {
		visit(i)
	}
}

func (e *evaluator) bound(n node, otherwise int) int {
	if n == nil {
		return otherwise
	}
	switch v := plain(e.eval(n)).(type) {
	case nil:
		return otherwise
	case int:
		return v
	default:
		fail(n.offset(), "", "the bounds of a slice must be integers, not %s", typeName(v))
		return 0
	}
}
