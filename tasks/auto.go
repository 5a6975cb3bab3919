package tasks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/gofab/gofab/internal/payload"
	"github.com/gofab/gofab/internal/plan"
	"github.com/gofab/gofab/internal/playbook"
	"github.com/gofab/gofab/miner"
	"github.com/gofab/gofab/runner"
)

// automatic is what `count: auto` goes by: the first machine's rate in the search for golden
// nonces, and the time that the play has.
type automatic struct {
	confidence float64
	bits       float64
	threads    int
	max        int
	measure    time.Duration
	store      *payload.Store
}

// mostAutomatic is how many machines count: auto launches at the most unless max says otherwise.
const mostAutomatic = 64

// autoMiner is where the miner lies on the machine that is measured.
const autoMiner = ".gofab-miner"

func (c *compiler) automatic(f playbook.Fields, arg playbook.Value) *automatic {
	a := &automatic{
		confidence: c.share("confidence", f["confidence"], 0.95),
		threads:    c.integer("threads", f["threads"], 1, 0),
		max:        c.integer("max", f["max"], mostAutomatic, 1),
		measure:    c.duration("measure", f["measure"], 2*time.Second),
		store:      c.opt.Payload,
	}
	if c.required(f, "difficulty", arg); !f["difficulty"].IsZero() {
		digits := c.integer("difficulty", f["difficulty"], 1, 1)
		if digits > miner.MaxDifficulty {
			c.errs.Addf(f["difficulty"].Pos(), "difficulty is at most %d, not %d: a hash has no more digits", miner.MaxDifficulty, digits)
		}
		a.bits = 4 * float64(digits)
	}
	if c.book.Deadline.IsZero() {
		c.errs.Addf(f["count"].Pos(), "count: auto needs a deadline: with time enough, one machine will do")
	}
	if c.opt.Hosts {
		c.errs.Addf(f["count"].Pos(), "count: auto launches machines, and this play borrows hosts")
	}
	c.putsMiner = true
	return a
}

// decide measures the first machine and says how many there shall be. The others need as long as
// the first to boot and to receive the miner, and they begin when it has been measured.
func (a *automatic) decide(ctx context.Context, t *runner.Task, first *runner.Host, elapsed time.Duration) (int, error) {
	began := time.Now()
	conn, err := first.Conn(ctx)
	if err != nil {
		return 0, err
	}
	file, err := minerFor(ctx, conn, a.store)
	if err != nil {
		return 0, err
	}
	if _, err := conn.Put(ctx, file, autoMiner, runner.PutOptions{Mode: 0o755}); err != nil {
		return 0, err
	}
	setup := time.Since(began)
	rate, err := a.rate(ctx, conn)
	if err != nil {
		return 0, fmt.Errorf("measure %s: %w", first.Name(), err)
	}
	search := plan.Search{Bits: a.bits, Rate: rate, Time: t.Run.Play().Deadline, Setup: elapsed + time.Since(began) + setup}
	n, err := search.Machines(a.confidence)
	if err != nil && !errors.Is(err, plan.ErrHopeless) {
		return 0, err
	}
	if err != nil || n > a.max {
		why := fmt.Sprintf("%.0f %% within %v would take %d machines", 100*a.confidence, search.Time, n)
		if err != nil {
			why = err.Error()
		}
		n = a.max
		t.Warn(fmt.Sprintf("%s; max is %d, with a chance of %.3g %%", why, n, 100*search.Chance(n)))
	}
	if cores := runtime.NumCPU(); t.Run.Provider().Name() == "local" && n*max(a.threads, 1) > cores {
		t.Warn(fmt.Sprintf("local machines share this computer's %d cores: together they are not as fast as planned", cores))
	}
	t.Notice(fmt.Sprintf("%s tests %s nonces/s: %d machines find a golden one within %v with a chance of %.3g %%",
		first.Name(), plan.Rate(rate), n, search.Time, 100*search.Chance(n)))
	return n, nil
}

// rate runs the miner for a while on something that it will not find.
func (a *automatic) rate(ctx context.Context, conn runner.Conn) (float64, error) {
	var out, trouble bytes.Buffer
	text := fmt.Sprintf("./%s --difficulty %d --threads %d --time-limit %v --json", autoMiner, miner.MaxDifficulty, a.threads, a.measure)
	status, err := conn.Exec(ctx, runner.Command{Text: text}, &out, &trouble)
	if err != nil {
		return 0, err
	}
	var result struct{ Rate float64 }
	if err := json.Unmarshal(out.Bytes(), &result); err != nil || result.Rate <= 0 {
		return 0, fmt.Errorf("the miner ended with status %d: %s", status, strings.TrimSpace(trouble.String()+out.String()))
	}
	return result.Rate, nil
}
