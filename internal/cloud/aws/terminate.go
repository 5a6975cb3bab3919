package aws

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/gofab/gofab/internal/cloud/aws/tag"
	"github.com/gofab/gofab/internal/cloud/dir"
	"github.com/gofab/gofab/internal/journal"
)

// Terminate ends all instances that have the run's tag, whatever anybody remembers of them, and
// those that the journal knows by id. It has been shown that each is shutting down before it goes
// on to the security group and the queue. An order that may still be on its way is waited for
// until EC2 would have shown what it made.
//
// The error names what is left, and what to type without gofab.
func (p *Provider) Terminate(ctx context.Context, run string) error {
	if err := p.terminate(ctx, run); err != nil {
		return fmt.Errorf("terminate %s: %w", run, err)
	}
	return nil
}

func (p *Provider) terminate(ctx context.Context, run string) error {
	if err := dir.CheckRun(run); err != nil {
		return err
	}
	c, err := p.clients(ctx)
	if err != nil {
		return err
	}
	if err := p.announceEnd(run); err != nil {
		return err
	}
	// A launch in another process ends at its next order. One that is stuck does not keep us:
	// what it gets is found by its tag, now or by the next sweep, and ends by itself in any case.
	waiting, stop := context.WithTimeout(ctx, lockPatience)
	defer stop()
	if unlock, err := p.lock(waiting, run); err == nil {
		defer unlock()
	}
	// The queue does not wait for the machines, which may take all the time that there is.
	queue := make(chan error, 1)
	go func() { queue <- c.queues.Delete(ctx, run) }()
	return errors.Join(c.end(ctx, p, run), <-queue)
}

const lockPatience = 10 * time.Second

// announceEnd tells launches in progress, by the journal, that the run is being ended. A run that has
// no directory here is not launched from here.
func (p *Provider) announceEnd(run string) error {
	where, err := p.runDir(run)
	if err != nil {
		return err
	}
	if _, err := os.Stat(where); err != nil {
		return nil
	}
	return p.note(run, journal.Record{What: journal.Terminate})
}

// end terminates the run's instances until none is left, and removes its groups. As long as anything
// is there, it looks at everything again.
func (c *clients) end(ctx context.Context, p *Provider, run string) error {
	gone := map[string]bool{} // groups
	for wait := c.tick / 4; ; wait = min(2*wait, c.tick) {
		s, err := c.sweep(ctx, p, run)
		if err != nil {
			return err
		}
		var group error
		if s.over() {
			if group, err = c.deleteGroups(ctx, s.ledger, run, gone); err != nil || group == nil {
				return err
			}
		}
		if !pause(ctx, wait) {
			return c.leftBehind(s, group)
		}
	}
}

// swept is what a look at the run's instances has found.
type swept struct {
	ledger  ledger
	left    []string // ids of those that were there; EC2 was asked to end them
	ending  bool     // some are shutting down
	waiting bool     // something may come to light yet
}

// over tells whether there is nothing that could hold a security group.
func (s swept) over() bool { return len(s.left) == 0 && !s.ending && !s.waiting }

// sweep looks for the run's instances and asks EC2 to end them.
func (c *clients) sweep(ctx context.Context, p *Provider, run string) (swept, error) {
	var s swept
	var err error
	if s.ledger, err = p.readLedger(run); err != nil {
		return s, err
	}
	shown, err := c.describe(ctx, filter("tag:"+tag.Run, run))
	if err != nil {
		return s, c.blind(ctx, s.ledger, err)
	}
	seen := map[string]bool{}
	for _, i := range shown {
		seen[i.id()] = true
		if i.there() {
			s.left = append(s.left, i.id())
		}
		s.ending = s.ending || i.state() == types.InstanceStateNameShuttingDown
	}
	var unseen []string
	for _, o := range s.ledger.orders {
		if !c.young(o) {
			continue
		}
		s.waiting = s.waiting || o.open()
		for _, id := range o.ids {
			if !seen[id] {
				unseen = append(unseen, id)
			}
		}
	}
	if len(shown) == 0 && len(unseen) == 0 {
		if err := c.ours(ctx, s.ledger); err != nil {
			return s, err
		}
	}
	err = errors.Join(c.terminateAll(ctx, s.left), c.terminateAll(ctx, unseen))
	s.left = append(s.left, unseen...)
	return s, err
}

// blind is for when EC2 does not say what there is: what the journal knows is ended by its ids, or at
// least named.
func (c *clients) blind(ctx context.Context, led ledger, why error) error {
	var ids []string
	for _, o := range led.unsettled() {
		ids = append(ids, o.ids...)
	}
	if len(ids) == 0 {
		return why
	}
	if err := c.terminateAll(ctx, ids); err != nil {
		return &Error{Code: code(why), Err: why, remedy: joinLines(remedyOf(why), c.byHand(ids))}
	}
	return why
}

// ours makes sure, when EC2 shows nothing of a run that has ordered machines, that it is the account
// in which they were ordered that was asked: EC2 shows ended ones for about an hour, but not those of
// others.
func (c *clients) ours(ctx context.Context, led ledger) error {
	ordered := slices.ContainsFunc(led.unsettled(), func(o order) bool { return len(o.ids) > 0 })
	if !ordered || led.account == "" {
		return nil
	}
	account, _, err := c.whoami(ctx)
	if err != nil {
		return fmt.Errorf("the run is in account %s, and EC2 shows nothing of it: %w", led.account, err)
	}
	if account != led.account {
		return &Error{
			Err:    fmt.Errorf("the run is in account %s, and these credentials are of account %s", led.account, account),
			remedy: "use credentials of account " + led.account, permanent: true,
		}
	}
	return nil
}

// mostIDs is how many instances one call ends.
const mostIDs = 500

// terminateAll asks EC2 to end instances, as many as it will. EC2 refuses a whole list for one id in
// it. Of those that it does not know, which does not mean that they are gone, the list is freed and
// sent again, once: the caller looks again. Otherwise it is divided until the one stands alone.
func (c *clients) terminateAll(ctx context.Context, ids []string) error {
	var errs []error
	for some := range slices.Chunk(ids, mostIDs) {
		errs = append(errs, c.terminateEach(ctx, some))
	}
	return errors.Join(errs...)
}

func (c *clients) terminateEach(ctx context.Context, ids []string) error {
	err := c.terminateSome(ctx, ids)
	switch {
	case err == nil, is(err, notFound) && len(ids) == 1:
		return nil
	case is(err, notFound):
		if known := without(ids, err); len(known) > 0 {
			if err = c.terminateSome(ctx, known); err != nil && !is(err, notFound) {
				return err
			}
		}
		return nil
	case len(ids) == 1 || code(err) == "" || is(err, denied) || is(err, refused) || is(err, expired) || is(err, throttled):
		return err
	}
	return errors.Join(c.terminateEach(ctx, ids[:len(ids)/2]), c.terminateEach(ctx, ids[len(ids)/2:]))
}

var instanceID = regexp.MustCompile(`\bi-[0-9a-f]+\b`)

// without leaves out the ids that an error names.
func without(ids []string, err error) []string {
	named := instanceID.FindAllString(err.Error(), -1)
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(named, id) })
}

func (c *clients) terminateSome(ctx context.Context, ids []string) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	_, err := c.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: ids})
	if err == nil {
		return nil
	}
	return &Error{
		Code: code(err), Err: explain(ctx, "ec2:TerminateInstances", err), remedy: c.byHand(ids),
	}
}

// leftBehind is what there was when the time was up.
func (c *clients) leftBehind(s swept, group error) error {
	switch {
	case len(s.left) > 0:
		return &Error{Err: fmt.Errorf("still there: %s", strings.Join(s.left, ", ")), remedy: c.byHand(s.left)}
	case s.waiting:
		return errors.New("an order for machines has no answer, and they may come to light yet")
	case s.ending:
		return &Error{Err: errors.New("all machines are shutting down and cost nothing more; their security group has to wait for that"), remedy: "gofab scram takes it later, and so does gofab reap"}
	}
	return &Error{Err: fmt.Errorf("no machine is left, but %w", group), remedy: "it costs nothing; gofab scram takes it later, and so does gofab reap"}
}

// byHand is the command that does it without gofab.
func (c *clients) byHand(ids []string) string {
	return fmt.Sprintf("end them by hand:  aws ec2 terminate-instances --region %s --instance-ids %s", c.config.Region, strings.Join(ids, " "))
}
