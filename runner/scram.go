package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/journal"
)

// scramLimit bounds one scram; its attempts are scramPause apart.
const (
	scramLimit = 3 * time.Minute
	scramPause = 2 * time.Second
)

// Scram ends everything that run has created with provider and proves it by asking: it tries again
// until nothing is left or its time is up, and tells trouble of the first failure. What the
// provider calls permanent is not tried again. The journal knows of it before it begins. It needs
// nothing but the run's name (j may be nil), and doing it twice is harmless.
func Scram(ctx context.Context, provider cloud.Provider, run string, j *journal.Journal, trouble func(error)) error {
	ctx, cancel := context.WithTimeout(ctx, scramLimit)
	defer cancel()
	// A journal that cannot be written must not keep us from ending machines.
	noted := note(j, journal.Record{What: journal.Terminate, Run: run, Provider: provider.Name()})
	for {
		err := provider.Terminate(ctx, run)
		var left []cloud.Machine
		if err == nil {
			if left, err = provider.Machines(ctx, run); err == nil && len(left) > 0 {
				err = fmt.Errorf("still there: %v", ids(left))
			}
		}
		if err == nil {
			return errors.Join(noted, note(j, journal.Record{What: journal.Terminated, Run: run}))
		}
		if isPermanent(err) {
			return errors.Join(err, noted)
		}
		if trouble != nil {
			trouble(err)
			trouble = nil
		}
		select {
		case <-time.After(scramPause):
		case <-ctx.Done():
			return errors.Join(err, noted)
		}
	}
}

// isPermanent tells whether the provider says that trying again cannot help.
func isPermanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}

func note(j *journal.Journal, rec journal.Record) error {
	if j == nil {
		return nil
	}
	return j.Write(rec)
}

// Scram ends everything that the run has created. It is the step's doing, and at the end of the
// run it is done in any case.
func (r *Run) Scram(ctx context.Context) (Result, error) {
	if r.keeps() && r.launched.Load() {
		return Result{Text: "kept: the machines run on until their time to live ends"}, nil
	}
	r.endOrders()
	if !r.launched.Load() || r.scrammed {
		return Result{Text: "nothing to scram"}, nil
	}
	stop := r.tellSlow()
	defer stop()
	r.left = Scram(ctx, r.provider, r.ID, r.cfg.Journal, func(err error) {
		r.events.Emit(Event{Type: Warning, Step: r.stepName, Text: fmt.Sprintf("scram: %v; trying again for %v", err, scramLimit)})
	})
	if r.left != nil {
		return Result{}, fmt.Errorf("scram: %w", r.left)
	}
	r.scrammed = true
	r.bill.gone()
	if len(r.Hosts) > 0 && !slices.ContainsFunc(r.Hosts, (*Host).launched) {
		return Result{Text: "the hosts were only borrowed: they live on"}, nil
	}
	return Result{Changed: true, Text: "all machines are gone"}, nil
}

// keeps tells whether the machines are meant to live on: not any more, once somebody has ended them.
func (r *Run) keeps() bool { return r.cfg.Keep && r.outside.Load() == nil }

// slowScram is when a scram is slow enough to say that it goes on; a cloud may take a minute.
const slowScram = 3 * time.Second

// tellSlow says that machines are being ended, if that takes time, and later that it is done: a play
// that only seems to hang is interrupted by somebody.
func (r *Run) tellSlow() (stop func()) {
	began, told := time.Now(), make(chan struct{})
	timer := time.AfterFunc(slowScram, func() {
		r.events.Emit(Event{Type: Notice, Step: r.stepName, Text: fmt.Sprintf("ending the machines, and waiting until the provider confirms it, up to %v", scramLimit)})
		close(told)
	})
	return func() {
		if timer.Stop() {
			return
		}
		if <-told; r.left == nil {
			r.events.Emit(Event{Type: Notice, Step: r.stepName, Text: fmt.Sprintf("nothing is left, after %.0f s", time.Since(began).Seconds())})
		}
	}
}
