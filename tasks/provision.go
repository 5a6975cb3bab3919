package tasks

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/gofab/gofab/internal/playbook"
	"github.com/gofab/gofab/internal/source"
	"github.com/gofab/gofab/runner"
)

func init() { register("provision", kind{compile: compileProvision}) }

// compileProvision: the run gets its machines.
func compileProvision(c *compiler, arg playbook.Value, s *runner.Step) {
	f := c.fields(arg, "count", "count", "min", "type", "image", "ttl", "confidence", "difficulty", "threads", "max", "measure")
	if c.provisions != nil {
		c.errs.Addf(c.in.Pos, "a play provisions once (%s did): index and count are fixed for the run", c.provisions.Pos)
	}
	c.provisions = c.in
	c.hostsThere = true
	if f["count"].IsZero() {
		c.required(f, "count", arg)
	}
	p := runner.Provision{
		Min: c.integer("min", f["min"], 0, 1), Type: c.settledText(f["type"]), Image: c.settledText(f["image"]), TTL: c.duration("ttl", f["ttl"], 0),
	}
	if x, _ := c.settled(f["count"]); x == "auto" {
		a := c.automatic(f, arg)
		s.Once = func(ctx context.Context, t *runner.Task) (runner.Result, error) {
			p := p
			p.Decide = func(ctx context.Context, first *runner.Host, elapsed time.Duration) (int, error) {
				return a.decide(ctx, t, first, elapsed)
			}
			return t.Run.Provision(ctx, p)
		}
		return
	}
	for _, key := range []string{"confidence", "difficulty", "threads", "max", "measure"} {
		if v := f[key]; !v.IsZero() {
			c.errs.Addf(v.Pos(), "%s goes with count: auto", key)
		}
	}
	p.Count = c.integer("count", f["count"], 1, 1)
	if p.Min > p.Count {
		c.errs.Addf(f["min"].Pos(), "min is %d, which is more than the count of %d", p.Min, p.Count)
	}
	if have := c.opt.Inventory; have > 0 && cmp.Or(p.Min, p.Count) > have {
		c.errs.Add(&source.Error{
			Pos: f["count"].Pos(), Msg: fmt.Sprintf("%d hosts wanted, and the inventory has %d", cmp.Or(p.Min, p.Count), have),
			Hint: fmt.Sprintf("ask for %d at the most, or list more", have),
		})
	}
	s.Once = func(ctx context.Context, t *runner.Task) (runner.Result, error) { return t.Run.Provision(ctx, p) }
}
