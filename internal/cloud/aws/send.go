package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go/middleware"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/journal"
)

// openError is an order of which nobody knows what became of it: at least one attempt may have had
// its effect, whatever the last one was answered.
type openError struct{ error }

func (e *openError) Unwrap() error { return e.error }

// send writes the order into the journal and makes the call. Once it is on its way, the answer is
// waited for even if nobody wants the machines any more: it says what to end.
func (l *launch) send(ctx context.Context, o order) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	in, err := l.req.input(o)
	if err != nil {
		return err
	}
	if err := l.write(o); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callLimit)
	defer cancel()
	var tries attempts
	out, err := l.c.ec2.RunInstances(ctx, in, tries.watch)
	switch {
	case err == nil:
		return l.took(o, out)
	case code(err) == "IdempotentParameterMismatch":
		return l.foreign(ctx, o, err)
	case tries.unknown.Load():
		return &openError{explain(ctx, "ec2:RunInstances", err)}
	}
	answer := l.p.note(l.spec.Run, journal.Record{What: journal.Machines, Token: o.Token, Error: code(err)})
	return errors.Join(explain(ctx, "ec2:RunInstances", err), answer)
}

// attempts watches those that the SDK makes of one call.
type attempts struct{ unknown atomic.Bool } // one may have had an effect that nobody was told of

// watch adds itself below the SDK's retries.
func (a *attempts) watch(o *ec2.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Finalize.Add(middleware.FinalizeMiddlewareFunc("gofab:attempts", func(
			ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
		) (middleware.FinalizeOutput, middleware.Metadata, error) {
			out, meta, err := next.HandleFinalize(ctx, in)
			if err != nil && ambiguous(err) {
				a.unknown.Store(true)
			}
			return out, meta, err
		}), middleware.After)
	})
}

// ambiguous tells whether a call that failed may have had its effect: no answer came, or the server
// was in trouble for a reason other than those with which it refuses.
func ambiguous(err error) bool {
	var answer *awshttp.ResponseError
	if !errors.As(err, &answer) || code(err) == "" {
		return true
	}
	return answer.HTTPStatusCode() >= 500 && !is(err, noCapacity) && !is(err, throttled)
}

// write journals an order, again if it is sent again. The journal also tells whether somebody ends the
// run meanwhile.
func (l *launch) write(o order) error {
	led, err := l.p.readLedger(l.spec.Run)
	if err != nil {
		return err
	}
	if led.terminations != l.terminations {
		return errTerminated
	}
	rec := o.Record
	if l.fleet.ledger.find(o.Token) == nil {
		l.fleet.ledger.orders = append(l.fleet.ledger.orders, o)
	} else {
		rec.Time = time.Now().UTC()
	}
	if err := l.p.note(l.spec.Run, rec); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

// took keeps what an order has brought.
func (l *launch) took(o order, out *ec2.RunInstancesOutput) error {
	l.c.account.CompareAndSwap(nil, out.OwnerId)
	tags := tagMap(l.req.tags(o)[0].Tags)
	var got []instance
	for _, i := range out.Instances {
		got = append(got, instance{Instance: i, tags: tags})
	}
	rec := journal.Record{What: journal.Machines, Token: o.Token, Account: sdk.ToString(out.OwnerId)}
	for _, i := range numbered(got) {
		rec.Machines = append(rec.Machines, i.id())
		l.have(i)
	}
	return l.p.note(l.spec.Run, rec)
}

// have adds a machine that is not known yet: of an order that was sent again, some may be.
func (l *launch) have(i instance) {
	known := func(m cloud.Machine) bool { return m.ID == i.id() }
	m := l.p.machine(l.spec.Run, i)
	l.p.mu.Lock()
	l.p.born[m.ID] = m
	l.p.mu.Unlock()
	if !slices.ContainsFunc(l.fleet.machines, known) {
		l.fleet.machines = append(l.fleet.machines, m)
	}
}

// foreign is an order whose token EC2 knows with other terms: an earlier process has sent it, with
// what it then knew. Its machines are found by the run's tag, sooner or later.
func (l *launch) foreign(ctx context.Context, o order, refusal error) error {
	for end := time.Now().Add(l.p.settling); time.Now().Before(end); {
		f, err := l.p.survey(ctx, l.spec.Run)
		if err != nil {
			return err
		}
		if f.shows(o) {
			l.fleet.machines = f.machines
			return nil
		}
		if !pause(ctx, l.p.tick) {
			return context.Cause(ctx)
		}
	}
	return explain(ctx, "ec2:RunInstances", refusal)
}
