// Package source says where in a file something stands, and reports mistakes there.
//
// Positions belong to the value they describe, and problems are collected rather than
// returned one by one, so that one run over a playbook shows everything that is wrong with it.
package source

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Pos is a place in a file. Line and Col count from 1 (Col in characters, not bytes); a zero
// Line means the file as a whole.
type Pos struct {
	File string
	Line int
	Col  int
}

// String gives file:line:col, or as much of it as is known.
func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Error is one mistake at one place. Hint, when there is one, is what to do about it
// ("did you mean run-parallel?").
type Error struct {
	Pos  Pos
	Msg  string
	Hint string
}

func (e *Error) Error() string {
	s := e.Pos.String() + ": " + e.Msg
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// List collects mistakes. The zero value is ready to use; it is not safe for concurrent use.
type List struct {
	errs []*Error
	seen map[Error]bool
}

// Addf adds a mistake without a hint.
func (l *List) Addf(pos Pos, format string, args ...any) {
	l.Add(&Error{Pos: pos, Msg: fmt.Sprintf(format, args...)})
}

// Add adds a mistake, unless the same one is there already.
func (l *List) Add(e *Error) {
	if l.seen[*e] {
		return
	}
	if l.seen == nil {
		l.seen = map[Error]bool{}
	}
	l.seen[*e] = true
	l.errs = append(l.errs, e)
}

// AddAll adds every mistake that err holds; nil holds none.
func (l *List) AddAll(err error) {
	for _, e := range All(err, Pos{}) {
		l.Add(e)
	}
}

// Len is the number of mistakes so far.
func (l *List) Len() int { return len(l.errs) }

// Err is nil when nothing was added, else an Errors in the order of the file.
func (l *List) Err() error {
	if len(l.errs) == 0 {
		return nil
	}
	errs := slices.Clone(l.errs)
	slices.SortStableFunc(errs, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
	return Errors(errs)
}

// Errors is one or more mistakes as one error, a line each.
type Errors []*Error

func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// All unfolds err into its mistakes; an error that carries no position becomes one at pos.
func All(err error, pos Pos) Errors {
	if err == nil {
		return nil
	}
	if es, ok := errors.AsType[Errors](err); ok {
		return es
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return Errors{e}
	}
	return Errors{{Pos: pos, Msg: err.Error()}}
}
