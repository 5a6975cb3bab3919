package aws

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/gofab/gofab/internal/cloud"
)

// batch is how many machines one call orders at the most. EC2's documentation asks to divide
// larger orders.
const batch = 100

var errTerminated = errors.New("the run was terminated meanwhile")

// Launch orders what is missing. An order that an earlier launch has left without an answer is
// sent again first, under the same token. Where there is no room, or a type is not offered, the
// next zone and then the next type is tried. With spec.Min, an order is content with fewer.
func (p *Provider) Launch(ctx context.Context, spec cloud.LaunchSpec) ([]cloud.Machine, error) {
	if err := check(spec); err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	where, err := p.runDir(spec.Run)
	if err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	if err := os.MkdirAll(where, 0o700); err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	// Looked at before the lock is waited for: whoever holds it may be ending the run.
	before, err := p.readLedger(spec.Run)
	if err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	unlock, err := p.lock(ctx, spec.Run)
	if err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	defer unlock()
	f, err := p.survey(ctx, spec.Run)
	if err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	l := &launch{p: p, spec: spec, fleet: f, began: time.Now(), terminations: before.terminations}
	if err := l.launch(ctx); err != nil {
		return l.machines(), &tooFewError{have: len(l.machines()), want: spec.Count, err: err}
	}
	return l.machines(), nil
}

// tooFewError is a launch that did not bring what was asked for. It is also cloud.ErrTooFew.
type tooFewError struct {
	have, want int
	err        error
}

func (e *tooFewError) Error() string {
	if e.have == 0 {
		return e.err.Error()
	}
	return fmt.Sprintf("%d of %d machines: %v", e.have, e.want, e.err)
}

func (e *tooFewError) Unwrap() []error { return []error{cloud.ErrTooFew, e.err} }

func check(spec cloud.LaunchSpec) error {
	switch {
	case spec.Count < 0:
		return fmt.Errorf("%d machines", spec.Count)
	case spec.TTL <= 0:
		return fmt.Errorf("a machine needs a time to live, %s is none", spec.TTL)
	case spec.UserKey == "":
		return errors.New("a machine needs a key that may log in")
	}
	return nil
}

// launch is one call of Launch, under the run's lock.
type launch struct {
	p     *Provider
	c     *clients
	spec  cloud.LaunchSpec
	fleet fleet
	began time.Time

	terminations int // of the run, when the launch began
	req          request
}

func (l *launch) machines() []cloud.Machine { return l.fleet.machines }

func (l *launch) missing() int { return l.spec.Count - len(l.machines()) }

func (l *launch) launch(ctx context.Context) error {
	if l.missing() <= 0 && !slices.ContainsFunc(l.fleet.ledger.current(), order.open) {
		return nil
	}
	if err := l.prepare(ctx); err != nil {
		return err
	}
	for _, o := range l.fleet.ledger.current() {
		if o.open() && !l.fleet.shows(o) {
			if err := l.send(ctx, o); err != nil && !l.elsewhere(place{o.Zone, o.Type}, err) {
				return err
			}
		}
	}
	return l.fill(ctx)
}

// shows tells whether EC2 shows what an order has brought.
func (f fleet) shows(o order) bool {
	return slices.ContainsFunc(f.instances, func(i instance) bool { return i.number >= o.First && i.number < o.end() })
}

// prepare gathers what every order needs: keys, the image, and a security group. Before anything
// is made, EC2 is asked whether it would take the order.
func (l *launch) prepare(ctx context.Context) (err error) {
	if l.c, err = l.p.clients(ctx); err != nil {
		return err
	}
	l.req.spec = l.spec
	if l.req.hostKey, err = l.p.hostKey(l.spec.Run); err != nil {
		return err
	}
	if l.req.image, err = l.c.image(ctx, l.spec); err != nil {
		return err
	}
	if len(l.fleet.ledger.orders) == 0 {
		if err := l.try(ctx); err != nil {
			return err
		}
	}
	l.req.group, err = l.p.group(ctx, l.c, l.spec, l.began.Add(l.spec.TTL))
	return err
}

// try is a dry run of the first order.
func (l *launch) try(ctx context.Context) error {
	place := l.places()[0]
	in, err := l.req.input(l.order(place, min(l.missing(), batch)))
	if err != nil {
		return err
	}
	in.ClientToken, in.DryRun = nil, sdk.Bool(true)
	_, err = l.c.ec2.RunInstances(ctx, in)
	if code(err) == "DryRunOperation" || l.elsewhere(place, err) {
		return nil // what there is no room for here, there may be room for elsewhere
	}
	return explain(ctx, "ec2:RunInstances", err)
}
