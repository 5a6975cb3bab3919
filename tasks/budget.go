package tasks

import (
	"errors"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/playbook"
	"github.com/gofab/gofab/internal/source"
	"github.com/gofab/gofab/runner"
)

// dollars reads an amount of US dollars above 0; 0 means that there is none.
func (c *compiler) dollars(key string, v playbook.Value) float64 {
	text := c.settledText(v)
	if text == "" {
		return 0
	}
	usd, err := runner.ParseDollars(text)
	if err != nil {
		c.errs.Addf(v.Pos(), "%s is %v, not %s", key, err, quoted(text))
	}
	return usd
}

// affordable reports an order that the play's budget cannot be kept with, while it costs nothing
// to find out. Hosts that are only borrowed cost nothing.
func (c *compiler) affordable(order cloud.LaunchSpec, count playbook.Value) {
	if c.budget == 0 || c.opt.Provider == nil || c.opt.Hosts {
		return
	}
	err := runner.Afford(c.opt.Provider, order, order.Count, c.budget, 0)
	if refusal, ok := errors.AsType[*runner.BudgetError](err); ok {
		pos := count.Pos()
		if !errors.Is(err, runner.ErrBudget) {
			pos = c.in.Pos
		}
		c.errs.Add(&source.Error{Pos: pos, Msg: refusal.Error(), Hint: refusal.Hint})
	}
}
