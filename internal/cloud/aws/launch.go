package aws

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/journal"
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
	unlock, err := p.lock(ctx, spec.Run)
	if err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	defer unlock()
	f, err := p.survey(ctx, spec.Run)
	if err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	l := &launch{p: p, spec: spec, fleet: f, began: time.Now()}
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
	req   request
}

func (l *launch) machines() []cloud.Machine { return l.fleet.machines }

func (l *launch) missing() int { return l.spec.Count - len(l.machines()) }

func (l *launch) launch(ctx context.Context) error {
	if l.missing() <= 0 && !slices.ContainsFunc(l.fleet.ledger.current(), func(o order) bool { return !o.answered }) {
		return nil
	}
	if err := l.prepare(ctx); err != nil {
		return err
	}
	for _, o := range l.fleet.ledger.current() {
		if !o.answered && !l.fleet.shows(o) {
			if err := l.send(ctx, o); err != nil && !is(err, noCapacity) {
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

// place is where an order looks for room.
type place struct{ zone, kind string }

// places are all of them, in the order of preference: all zones for the best type, then the next.
func (l *launch) places() []place {
	kinds, zones := l.spec.Types, l.spec.Zones
	if len(kinds) == 0 {
		kinds = defaultTypes
	}
	if len(zones) == 0 {
		zones = []string{""}
	}
	var all []place
	for _, kind := range kinds {
		for _, zone := range zones {
			all = append(all, place{zone, kind})
		}
	}
	return all
}

// elsewhere tells whether an order was refused for a reason that may not hold for the next place:
// there is no room, or the type is not offered in the region and there is another.
func (l *launch) elsewhere(at place, err error) bool {
	places := l.places()
	last := places[len(places)-1].kind == at.kind
	return is(err, noCapacity) || !last && code(err) == "InvalidParameterValue" && strings.Contains(err.Error(), "nstanceType")
}

// fill orders until nothing is missing, or there is no place left that has room.
func (l *launch) fill(ctx context.Context) error {
	var none []error
	for _, at := range l.places() {
		for l.missing() > 0 {
			before := l.missing()
			err := l.send(ctx, l.order(at, min(before, batch)))
			if l.elsewhere(at, err) {
				none = append(none, err)
				break
			}
			if err != nil {
				return err
			}
			if before-l.missing() < min(before, batch) {
				break // it gave what it had
			}
		}
	}
	if l.missing() <= 0 {
		return nil
	}
	if none == nil {
		return errors.New("EC2 has given fewer than asked for, and nowhere more")
	}
	return errors.Join(none...)
}

// order is a new one, with a token that nobody has used. Numbers of machines are never used
// twice, not even those of an order that came to nothing.
func (l *launch) order(at place, count int) order {
	o := order{Record: journal.Record{
		Time: time.Now().UTC().Truncate(time.Second), What: journal.Order, Token: "gofab-" + rand.Text(),
		First: l.fleet.next(), Count: count, Min: count, Type: at.kind, Zone: at.zone,
	}}
	o.Expires = o.Time.Add(l.spec.TTL)
	if l.spec.Min > 0 {
		o.Min = min(count, max(1, l.spec.Min-len(l.machines())))
	}
	if l.spec.Min > 0 && l.missing() > batch {
		o.Min = 1
	}
	return o
}

// next is the first number that no machine has had.
func (f fleet) next() int {
	n := f.ledger.next()
	for _, i := range f.instances {
		n = max(n, i.number+1)
	}
	return n
}

// send writes the order into the journal, unless it is there, and makes the call. Once it is on its
// way, the answer is waited for even if nobody wants the machines any more: it says what to end.
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
	out, err := l.c.ec2.RunInstances(ctx, in)
	switch {
	case err == nil:
		return l.took(o, out)
	case code(err) == "": // nobody knows: the order stays open
		return explain(ctx, "ec2:RunInstances", err)
	case code(err) == "IdempotentParameterMismatch":
		return l.foreign(ctx, o, err)
	}
	answer := l.p.note(l.spec.Run, journal.Record{What: journal.Machines, Token: o.Token, Error: code(err)})
	return errors.Join(explain(ctx, "ec2:RunInstances", err), answer)
}

// write journals a new order. The journal also tells whether somebody ends the run meanwhile.
func (l *launch) write(o order) error {
	led, err := l.p.readLedger(l.spec.Run)
	if err != nil {
		return err
	}
	if led.terminated.After(l.began) {
		return errTerminated
	}
	if slices.ContainsFunc(l.fleet.ledger.orders, func(have order) bool { return have.Token == o.Token }) {
		return nil
	}
	l.fleet.ledger.orders = append(l.fleet.ledger.orders, o)
	if err := l.p.note(l.spec.Run, o.Record); err != nil {
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
	rec := journal.Record{What: journal.Machines, Token: o.Token}
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

// pause waits, and tells whether there is a point in going on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
