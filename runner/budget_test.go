package runner_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/runner"
)

// cent is a price of one cent a second.
func cent(least time.Duration) func(int) *cloud.Price {
	return func(int) *cloud.Price { return &cloud.Price{Hourly: 36, Minimum: least} }
}

// working is a world whose commands are durations.
func working(price func(int) *cloud.Price) *world {
	return &world{price: price, exec: func(ctx context.Context, _ int, cmd string) int {
		d, _ := time.ParseDuration(cmd)
		sleep(ctx, d)
		return 0
	}}
}

// cost is what the last event says.
func (w *world) cost() string {
	c := w.events[len(w.events)-1].Cost
	if c == nil {
		return "none"
	}
	return fmt.Sprintf("%d machines %.1f s %s", c.Machines, c.MachineSeconds, c.Amount())
}

// When the money is spent the work stops; the always steps come on top of it.
func TestBudget(t *testing.T) {
	for name, c := range map[string]struct {
		budget float64
		least  time.Duration
		took   time.Duration
		cost   string
	}{
		"by the second": {0.20, 0, 10 * time.Second, "2 machines 26.0 s $0.26"},
		// Both cost 60 cents at once, and nothing more for a minute.
		"with a minimum":     {1.30, time.Minute, 65 * time.Second, "2 machines 136.0 s $1.36"},
		"the minimum itself": {1.20, time.Minute, 0, "2 machines 120.0 s $1.20"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := working(cent(c.least))
				out := w.play(t, t.Context(), &runner.Play{Budget: c.budget, Reserve: 5 * time.Second, Steps: []*runner.Step{
					hosts(2), run("1h"), run("2h"), always(run("3s")),
				}})
				expect(t, "code", out.Code, runner.ExitBudget)
				took := time.Since(w.began).Round(time.Millisecond)
				if took > 0 || c.took > 0 { // else no host had answered yet, and there was nothing to bring home
					expect(t, "took", took, c.took+3*time.Second)
				}
				expect(t, "cost", w.cost(), c.cost)
				expect(t, "notices", w.said(runner.Notice), []string{
					"the budget of " + runner.Dollars(c.budget) + " is reached: stopping; the always steps have 5s",
				})
			})
		})
	}
}

// A budget that is reached while nothing but always steps were left has cost no step.
func TestBudgetDuringAlways(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := working(cent(0))
		out := w.play(t, t.Context(), &runner.Play{Budget: 0.05, Reserve: 10 * time.Second, Steps: []*runner.Step{hosts(1), run("3s"), always(run("4s"))}})
		expect(t, "code", out.Code, runner.ExitOK)
		expect(t, "cost", w.cost(), "1 machines 7.0 s $0.07")
	})
}

// Machines that were replaced have cost what they have cost, and those that came later cost less.
func TestCostOfReplacedMachines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := working(cent(0))
		w.dial = func(_ context.Context, m cloud.Machine) error {
			if m.Name == "h1" || time.Since(w.began) < 20*time.Second {
				return &runner.UnreachableError{Err: errors.New("it boots")}
			}
			return nil
		}
		time.AfterFunc(10*time.Second, func() { w.lose("h1") })
		out := w.play(t, t.Context(), &runner.Play{Budget: 0.80, Steps: []*runner.Step{hosts(2), run("1h")}})
		expect(t, "code", out.Code, runner.ExitBudget)
		// h0 from the beginning to the end, h1 for 10 s until it was missed, h2 from then on.
		expect(t, "machines", w.events[len(w.events)-1].Cost.Machines, 3)
		expect(t, "cost", math.Round(100*w.events[len(w.events)-1].Cost.USD), 80)
		expect(t, "took", time.Since(w.began).Round(time.Second), 40*time.Second)
	})
}

// An order that the budget does not pay for is not made.
func TestBudgetDoesNotSuffice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := working(cent(time.Minute))
		out := w.play(t, t.Context(), &runner.Play{Budget: 1, Steps: []*runner.Step{hosts(2)}})
		expect(t, "code", out.Code, runner.ExitBudget)
		expect(t, "error", out.Err, "the budget does not suffice: 2 machines cost at least $1.20, and there is $1.00")
		expect(t, "launched", w.born, 0)
		expect(t, "remedy", w.events[len(w.events)-2].Remedy, "that pays for 1 machine at the most, with no time to work")
	})
}

// A price that nobody knows is not 0.
func TestUnknownPrice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := working(func(index int) *cloud.Price {
			p := &cloud.Price{Hourly: 36, AtMost: true}
			if index > 0 {
				p = &cloud.Price{}
			}
			return p
		})
		w.play(t, t.Context(), &runner.Play{Budget: 1, Steps: []*runner.Step{hosts(3), run("4s")}})
		c := w.events[len(w.events)-1].Cost
		expect(t, "amount", c.Amount(), "?")
		expect(t, "unpriced", c.Unpriced, "[big in north]")
		expect(t, "unknown", c.Unknown, 2)
		expect(t, "known", c.USD, 0.04)
		expect(t, "at most", c.AtMost, true)
		expect(t, "warnings", w.said(runner.Warning), []string{"the budget does not count the big in north: nobody knows what it costs"})
	})
}

// Where nobody bills, nothing is said of cost.
func TestNoCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := working(nil)
		w.play(t, t.Context(), &runner.Play{Steps: []*runner.Step{hosts(2), run("4s")}})
		expect(t, "cost", w.cost(), "none")
	})
}

func TestDollars(t *testing.T) {
	t.Parallel()
	for usd, want := range map[float64]string{
		0.00001: "less than $0.0001", 0.0001: "$0.0001", 0.0123: "$0.0123", 0.5: "$0.50", 0.125: "$0.125", 6: "$6.00", 1234.5: "$1234.50", 99.99999: "$100.00",
	} {
		expect(t, fmt.Sprint(usd), runner.Dollars(usd), want)
	}
	for text, want := range map[string]float64{"0.50": 0.5, "$0.50": 0.5, " $ 2 ": 2, "1e3": 1000} {
		got, err := runner.ParseDollars(text)
		if got != want || err != nil {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "$", "0", "-1", "NaN", "Inf", "a lot", "€3"} {
		if got, err := runner.ParseDollars(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}
