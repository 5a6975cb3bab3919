package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/gofab/gofab/internal/journal"
)

// Exit statuses of gofab play.
const (
	ExitOK          = 0
	ExitError       = 1 // an internal or cloud error, or a race that nobody won
	ExitFailed      = 2 // a step failed, on a host or on the controller
	ExitUnreachable = 4
	ExitUsage       = 5
	ExitInvalid     = 6 // the playbook is wrong; nothing was launched
	ExitDeadline    = 7 // reached without success
	ExitBudget      = 8 // reached without success
	ExitNoHosts     = 9
	ExitLeft        = 10 // scram incomplete: something may still be billing
)

// InterruptError is the cause of a run's end when somebody wanted it.
type InterruptError struct{ Signal os.Signal }

func (e *InterruptError) Error() string { return fmt.Sprintf("interrupted (%v)", e.Signal) }

// Code is the exit status that shells expect.
func (e *InterruptError) Code() int {
	if s, ok := e.Signal.(syscall.Signal); ok {
		return 128 + int(s)
	}
	return 130
}

// TimeoutError is the end of an attempt that took longer than the step's timeout.
type TimeoutError struct{ After time.Duration }

func (e *TimeoutError) Error() string { return fmt.Sprintf("timed out after %v", e.After) }

// ErrReserve is the end of an always step that took longer than the reserve.
var ErrReserve = errors.New("the reserve for always steps is used up")

// Outcome is how a run ended.
type Outcome struct {
	Code int
	Err  error // the failure on the controller, what scram left, an *OutsideError; may be nil with any code
}

// finish sums up.
func (r *Run) finish(work context.Context) Outcome {
	out := Outcome{Code: r.code(work), Err: errors.Join(r.broken, r.left)}
	recap := make([]HostRecap, len(r.Hosts))
	for i, h := range r.Hosts {
		recap[i] = h.recap
	}
	r.cfg.Journal.Write(journal.Record{What: journal.End, Code: &out.Code})
	ev := Event{Type: RunEnd, Run: r.ID, Play: r.play.Name, Code: &out.Code, Recap: recap, Cost: r.bill.cost(), Seconds: time.Since(r.began).Seconds()}
	if r.left != nil {
		ev.Text = fmt.Sprintf("scram incomplete: %v", r.left)
		ev.Remedy = "something may still run and cost: type  gofab scram " + r.ID
		if more := remedy(r.left); more != "" {
			ev.Remedy += "\n" + more
		}
	}
	if by := r.outside.Load(); by != nil {
		out.Err = errors.Join(out.Err, by)
		ev.Text = cmp.Or(ev.Text, by.Error())
	}
	r.events.Emit(ev)
	return out
}

func (r *Run) code(work context.Context) int {
	var interrupt *InterruptError
	cause := context.Cause(work)
	switch {
	case r.left != nil:
		return ExitLeft
	case errors.As(cause, &interrupt):
		return interrupt.Code()
	case errors.Is(cause, ErrDeadline) && r.cutShort:
		return ExitDeadline
	case errors.Is(cause, ErrBudget) && r.cutShort, errors.Is(r.broken, ErrBudget):
		return ExitBudget
	case r.outside.Load() != nil:
		return ExitUnreachable
	case work.Err() != nil && r.cutShort, r.cloudError:
		return ExitError
	case r.noHosts:
		return ExitNoHosts
	}
	for _, h := range r.Hosts {
		if h.recap.Unreachable > 0 && h.out == Unreachable {
			return ExitUnreachable
		}
	}
	for _, h := range r.Hosts {
		if h.out == Failed || h.recap.Failed > 0 {
			return ExitFailed
		}
	}
	switch {
	case r.broken != nil:
		return ExitFailed
	case r.noWinner:
		return ExitError
	}
	return ExitOK
}

// count adds how a step ended on the host.
func (c *HostRecap) count(d doing) {
	if d.ignored {
		c.OK++
		c.Ignored++
		return
	}
	switch d.status {
	case OK:
		c.OK++
		if d.res.Changed {
			c.Changed++
		}
	case Failed:
		c.Failed++
	case Unreachable:
		c.Unreachable++
	case Skipped:
		c.Skipped++
	case Stopped:
		c.Stopped++
	}
}
