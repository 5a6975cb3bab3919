package tasks

import (
	"context"

	"github.com/gofab/gofab/internal/playbook"
	"github.com/gofab/gofab/runner"
)

func init() { register("scram", kind{compile: compileScram, always: true}) }

// compileScram: everything that the run has created ends. It happens at the end of every play
// anyway; as a step, it happens there and shows.
func compileScram(c *compiler, arg playbook.Value, s *runner.Step) {
	if !arg.IsNull() && !arg.IsZero() {
		c.errs.Addf(arg.Pos(), "scram takes nothing, and ends all that the run has created")
	}
	if c.in.When.IsZero() {
		c.scrams = c.in
	}
	s.Once = func(ctx context.Context, t *runner.Task) (runner.Result, error) {
		return t.Run.Scram(context.WithoutCancel(ctx))
	}
}
