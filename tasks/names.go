package tasks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gofab/gofab/internal/expr"
	"github.com/gofab/gofab/internal/playbook"
	"github.com/gofab/gofab/internal/source"
)

// Fields of the built-in names, and of what register keeps.
var (
	hostFields   = []string{"name", "index", "address", "port", "user", "id"}
	runFields    = []string{"id", "dir", "provider"}
	resultFields = []string{
		"rc", "stdout", "stderr", "stdout_lines", "truncated", "changed", "failed", "skipped", "stopped", "seconds", "msg",
		"index", "host", "files", "unchanged", "bytes", "from", "url", "urls", "results", "winner", "message",
	}
	winnerFields = resultFields[:len(resultFields)-3]
	sharedFields = []string{"results", "winner", "message", "skipped"} // the same whoever asks
)

// check reports the names that will not be there when the step runs.
func (c *compiler) check(names []expr.Name, more ...string) {
	for _, n := range names {
		root := n.Root()
		_, isVar := c.vars[root]
		_, isLazy := c.lazy.Vars[root]
		switch {
		case isLazy: // what it mentions is among names
		case isVar, n.Optional && !slices.Contains(Builtins, root), slices.Contains(more, root):
		case root == "host":
			c.checkField(n, 1, hostFields)
		case root == "run":
			c.checkField(n, 1, runFields)
		case slices.Contains(Builtins, root):
		case c.registers[root] != nil:
			c.checkField(n, 1, resultFields)
			if len(n.Path) > 2 && n.Path[1] == "winner" {
				c.checkField(n, 2, winnerFields)
			}
		default:
			c.unknown(n)
		}
	}
}

// checkField reports a field that the thing before it does not have.
func (c *compiler) checkField(n expr.Name, at int, fields []string) {
	if len(n.Path) <= at || slices.Contains(fields, n.Path[at]) || n.Optional {
		return
	}
	hint := source.Suggest(n.Path[at], fields)
	if hint == "" {
		hint = "it has " + strings.Join(fields, ", ")
	}
	c.errs.Add(&source.Error{Pos: n.Pos, Msg: fmt.Sprintf("%s has no %s", strings.Join(n.Path[:at], "."), n.Path[at]), Hint: hint})
}

// unknown reports a name that nothing defines.
func (c *compiler) unknown(n expr.Name) {
	root := n.Root()
	known := slices.Concat(Builtins, slices.Sorted(maps.Keys(c.vars)), slices.Sorted(maps.Keys(c.lazy.Vars)), slices.Sorted(maps.Keys(c.registers)))
	msg := fmt.Sprintf("%s is not defined", root)
	for _, s := range c.book.Steps {
		if name, _ := s.Register.Scalar(); name == root {
			msg = fmt.Sprintf("%s is registered only later, at %s", root, s.Register.Pos())
			break
		}
	}
	hint := source.Suggest(root, known)
	if hint == "" {
		hint = "define it under vars, or register it in an earlier step"
	}
	c.errs.Add(&source.Error{Pos: n.Pos, Msg: msg, Hint: hint})
}

// found shows what was found instead of something else: a value, or what kind of thing it is.
func found(v playbook.Value, x any) string {
	if !v.IsScalar() {
		return v.KindName()
	}
	return quoted(x)
}

// quoted shows a value in a message.
func quoted(x any) string {
	if s, ok := x.(string); ok {
		return fmt.Sprintf("%q", shorten(s))
	}
	return fmt.Sprint(x)
}
