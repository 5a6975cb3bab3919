package tasks

import (
	"context"
	"regexp"
	"slices"

	"github.com/gofab/gofab/internal/expr"
	"github.com/gofab/gofab/internal/playbook"
	"github.com/gofab/gofab/runner"
)

// fields reads a kind's argument: a mapping of known keys, or the one obvious value alone. A step
// without a name is called by that value, unless it is a mere template.
func (c *compiler) fields(s *runner.Step, arg playbook.Value, obvious string, known ...string) playbook.Fields {
	f := c.readFields(arg, obvious, known...)
	if text, _ := f[obvious].Scalar(); s.Name == "" && text != "" && (arg.IsScalar() || !mereTemplate.MatchString(text)) {
		s.Name = c.in.Kind + ": " + shorten(text)
	}
	return f
}

var mereTemplate = regexp.MustCompile(`^\s*\{\{[^{}]*\}\}\s*$`)

func (c *compiler) readFields(arg playbook.Value, obvious string, known ...string) playbook.Fields {
	c.badFields = false
	if arg.IsScalar() && !arg.IsNull() {
		return playbook.Fields{obvious: arg}
	}
	if arg.IsNull() || arg.IsZero() {
		return playbook.Fields{}
	}
	before := c.errs.Len()
	f := arg.Fields(c.errs, known...)
	c.badFields = c.errs.Len() > before
	return f
}

// onceOrPerHost gives a step that works on the controller its function: once, or, when one of
// its texts or its when mentions what differs from host to host, for one host after the other.
func (c *compiler) onceOrPerHost(s *runner.Step, do func(context.Context, *runner.Task) (runner.Result, error), texts ...*expr.Template) {
	var names []expr.Name
	for _, t := range texts {
		names = append(names, t.AllNames()...)
	}
	if !c.in.When.IsZero() {
		if when, err := c.in.When.Condition(c.lazy); err == nil { // else it is reported with the step
			names = append(names, when.AllNames()...)
		}
	}
	if !slices.ContainsFunc(names, c.differs) {
		s.Once = do
		return
	}
	c.needHosts(c.in)
	s.Host = do
	s.Forks = 1
}
