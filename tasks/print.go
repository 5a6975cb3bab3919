package tasks

import (
	"context"

	"github.com/gofab/gofab/internal/playbook"
	"github.com/gofab/gofab/runner"
)

func init() { register("print", kind{compile: compilePrint}) }

// compilePrint: a text goes to standard output; for each host in turn if it mentions what differs
// from host to host.
func compilePrint(c *compiler, arg playbook.Value, s *runner.Step) {
	f := c.fields(s, arg, "msg", "msg")
	msg := c.required(f, "msg", arg)
	c.onceOrPerHost(s, func(_ context.Context, t *runner.Task) (runner.Result, error) {
		text, err := msg.Render(t.Scope)
		if err == nil {
			t.Print(text)
		}
		return runner.Result{}, err
	}, msg)
}
