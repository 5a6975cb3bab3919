package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/gofab/gofab/internal/cloud/aws/tag"
	"github.com/gofab/gofab/internal/cloud/dir"
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
	// A launch in another process ends at its next order. One that is stuck does not keep us:
	// what it gets is found by its tag, now or by the next sweep, and ends by itself in any case.
	waiting, stop := context.WithTimeout(ctx, lockPatience)
	defer stop()
	if unlock, err := p.lock(waiting, run); err == nil {
		defer unlock()
	}
	// The queue costs nothing and needs no machine: it goes even if something else stays.
	return errors.Join(c.end(ctx, p, run), c.queues.Delete(ctx, run))
}

const lockPatience = 10 * time.Second

// end terminates the run's instances until none is left, then removes its groups.
func (c *clients) end(ctx context.Context, p *Provider, run string) error {
	for wait := c.tick / 4; ; wait = min(2*wait, c.tick) {
		left, waiting, err := c.sweep(ctx, p, run)
		if err != nil {
			return err
		}
		if len(left) == 0 && !waiting {
			return c.deleteGroups(ctx, p, run)
		}
		if !pause(ctx, wait) {
			return c.leftBehind(left)
		}
	}
}

// sweep looks for the run's instances and asks EC2 to end them. left are those that were there when
// it looked; waiting says that something may come to light yet.
func (c *clients) sweep(ctx context.Context, p *Provider, run string) (left []string, waiting bool, err error) {
	led, err := p.readLedger(run)
	if err != nil {
		return nil, false, err
	}
	shown, err := c.describe(ctx, filter("tag:"+tag.Run, run))
	if err != nil {
		return nil, false, err
	}
	seen := map[string]bool{}
	for _, i := range shown {
		seen[i.id()] = true
		if i.there() {
			left = append(left, i.id())
		}
	}
	for _, o := range led.orders {
		if !c.young(o) {
			continue
		}
		waiting = waiting || !o.answered
		for _, id := range o.ids {
			if !seen[id] {
				left = append(left, id)
			}
		}
	}
	return left, waiting, c.terminateAll(ctx, left)
}

// mostIDs is how many instances one call ends.
const mostIDs = 500

// terminateAll asks EC2 to end instances. EC2 refuses a whole list for one id that it does not
// show yet; that does not mean that this one is gone, so the others are asked for one by one and
// the caller looks again.
func (c *clients) terminateAll(ctx context.Context, ids []string) error {
	for some := range slices.Chunk(ids, mostIDs) {
		err := c.terminateSome(ctx, some)
		if is(err, notFound) && len(some) > 1 {
			for _, id := range some {
				if err = c.terminateSome(ctx, []string{id}); err != nil && !is(err, notFound) {
					break
				}
			}
		}
		if err != nil && !is(err, notFound) {
			return err
		}
	}
	return nil
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

func (c *clients) leftBehind(ids []string) error {
	if len(ids) == 0 {
		return errors.New("an order for machines has no answer, and they may come to light yet")
	}
	return &Error{Err: fmt.Errorf("still there: %s", strings.Join(ids, ", ")), remedy: c.byHand(ids)}
}

// byHand is the command that does it without gofab.
func (c *clients) byHand(ids []string) string {
	return fmt.Sprintf("end them by hand:  aws ec2 terminate-instances --region %s --instance-ids %s", c.config.Region, strings.Join(ids, " "))
}
