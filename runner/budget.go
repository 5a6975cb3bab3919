package runner

import (
	"fmt"

	"github.com/gofab/gofab/internal/cloud"
)

// BudgetError is an order with which a budget cannot be kept. It is ErrBudget if the money does not
// suffice, rather than that nobody knows.
type BudgetError struct {
	Msg   string
	Hint  string // what the user can do about it
	Short bool   // the money does not suffice
}

func (e *BudgetError) Error() string        { return e.Msg }
func (e *BudgetError) Is(target error) bool { return e.Short && target == ErrBudget }
func (e *BudgetError) Remedy() string       { return e.Hint }

// Afford tells whether the budget, of which something may be spent, pays for what count more
// machines of the order cost at the least. The error is a *BudgetError.
func Afford(p cloud.Provider, order cloud.LaunchSpec, count int, budget, spent float64) error {
	var price cloud.Price
	if pricer, ok := p.(cloud.Pricer); ok {
		price = pricer.Price(order)
	}
	if !price.Known() {
		return &BudgetError{
			Msg:  "there is a budget, and nobody knows what these machines cost",
			Hint: "say it with price: (US dollars an hour for one machine), or play without a budget",
		}
	}
	each, left := price.Of(0), max(budget-spent, 0)
	if float64(count)*each <= left {
		return nil
	}
	return &BudgetError{
		Msg:   fmt.Sprintf("the budget does not suffice: %s cost at least %s, and there is %s", counted(count, "machine"), Dollars(float64(count)*each), Dollars(left)),
		Hint:  "that pays for " + counted(int(left/each), "machine") + " at the most, with no time to work",
		Short: true,
	}
}

// affords refuses an order that the rest of the budget does not pay for.
func (r *Run) affords(order cloud.LaunchSpec) error {
	more := order.Count - r.fleet.alive()
	if r.play.Budget == 0 || more <= 0 {
		return nil
	}
	spent := 0.0
	if c := r.bill.cost(); c != nil {
		spent = c.USD
	}
	return Afford(r.provider, order, more, r.play.Budget, spent)
}

// tellUnpriced warns, once, of machines that the budget cannot count.
func (r *Run) tellUnpriced() {
	c := r.bill.cost()
	if r.play.Budget == 0 || c == nil || c.Unknown == 0 || r.toldUnpriced {
		return
	}
	r.toldUnpriced = true
	r.events.Emit(Event{
		Type: Warning, Text: fmt.Sprintf("the budget does not count the %s: nobody knows what it costs", c.Unpriced[0]),
		Remedy: "say it with price: (US dollars an hour for one machine)",
	})
}
