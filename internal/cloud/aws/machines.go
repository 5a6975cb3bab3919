package aws

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/aws/tag"
)

// instance is one of ours, as EC2 describes it.
type instance struct {
	types.Instance
	tags   map[string]string
	number int // within the run: fixed by the order that it came with and its place in that
}

func (i instance) id() string                     { return sdk.ToString(i.InstanceId) }
func (i instance) state() types.InstanceStateName { return i.State.Name }

// alive is what runs or will run. Billing ends with shutting-down.
func (i instance) alive() bool {
	return i.state() == types.InstanceStateNamePending || i.state() == types.InstanceStateNameRunning
}

// there is what would live on, or cost, if nobody ended it: a stopped instance keeps its disk.
func (i instance) there() bool {
	return i.state() != types.InstanceStateNameTerminated && i.state() != types.InstanceStateNameShuttingDown
}

// numbered puts instances of one run in the order of their numbers. EC2 gives each of an order a
// launch index; should two have the same, the later gets what is free.
func numbered(instances []instance) []instance {
	for n := range instances {
		i := &instances[n]
		first, _ := strconv.Atoi(i.tags[tag.First])
		i.number = first + int(sdk.ToInt32(i.AmiLaunchIndex))
	}
	slices.SortStableFunc(instances, func(a, b instance) int {
		return cmp.Or(cmp.Compare(a.number, b.number), sdk.ToTime(a.LaunchTime).Compare(sdk.ToTime(b.LaunchTime)), cmp.Compare(a.id(), b.id()))
	})
	for n := 1; n < len(instances); n++ {
		instances[n].number = max(instances[n].number, instances[n-1].number+1)
	}
	return instances
}

// describe lists the instances that a filter matches, whatever their state. It is one call for a thousand of them.
func (c *clients) describe(ctx context.Context, filters ...types.Filter) ([]instance, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	var all []instance
	pages := ec2.NewDescribeInstancesPaginator(c.ec2, &ec2.DescribeInstancesInput{Filters: filters, MaxResults: sdk.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, explain(ctx, "ec2:DescribeInstances", err)
		}
		for _, r := range page.Reservations {
			c.account.CompareAndSwap(nil, r.OwnerId)
			for _, i := range r.Instances {
				all = append(all, instance{Instance: i, tags: tagMap(i.Tags)})
			}
		}
	}
	return all, nil
}

func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: sdk.String(name), Values: values}
}

func tagMap(tags []types.Tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[sdk.ToString(t.Key)] = sdk.ToString(t.Value)
	}
	return m
}

// Machines lists the run's machines that are pending or running, by number: what EC2 shows with
// the run's tag, and what it has given us moments ago and does not show yet.
func (p *Provider) Machines(ctx context.Context, run string) ([]cloud.Machine, error) {
	f, err := p.survey(ctx, run)
	if err != nil {
		return nil, fmt.Errorf("list machines of %s: %w", run, err)
	}
	return f.machines, nil
}

// fleet is what there is of a run.
type fleet struct {
	ledger    ledger
	instances []instance      // all that EC2 shows, dead ones too
	machines  []cloud.Machine // alive, by number
}

func (p *Provider) survey(ctx context.Context, run string) (fleet, error) {
	var f fleet
	if ctx.Err() != nil {
		return f, context.Cause(ctx)
	}
	c, err := p.clients(ctx)
	if err != nil {
		return f, err
	}
	// The journal first: what is ordered after this look at it is not ours to answer for.
	if f.ledger, err = p.readLedger(run); err != nil {
		return f, err
	}
	if f.instances, err = c.describe(ctx, filter("tag:"+tag.Run, run)); err != nil {
		return f, err
	}
	numbered(f.instances)
	p.remember(f.instances)
	shown := map[string]bool{}
	for _, i := range f.instances {
		shown[i.id()] = true
		if i.alive() {
			f.machines = append(f.machines, p.machine(run, i))
		}
	}
	for _, o := range f.ledger.current() {
		for n, id := range o.ids {
			if !shown[id] && p.young(o) {
				f.machines = append(f.machines, p.unseen(run, o, n, id))
			}
		}
	}
	slices.SortStableFunc(f.machines, func(a, b cloud.Machine) int { return cmp.Compare(numberOf(a.Name), numberOf(b.Name)) })
	return f, nil
}

const prefix = "aws-" // of machine names; the number follows

func numberOf(name string) int {
	n, _ := strconv.Atoi(name[len(prefix):])
	return n
}

func (p *Provider) machine(run string, i instance) cloud.Machine {
	m := cloud.Machine{
		ID: i.id(), Run: run, Name: prefix + strconv.Itoa(i.number), Port: 22, User: i.tags[tag.User], HostKey: i.tags[tag.HostKey],
		Address: cmp.Or(sdk.ToString(i.PublicIpAddress), sdk.ToString(i.PublicDnsName)), Launched: sdk.ToTime(i.LaunchTime),
		State: cloud.Pending, Type: string(i.InstanceType),
	}
	if i.state() == types.InstanceStateNameRunning {
		m.State = cloud.Running
	}
	if i.tags[tag.Private] == "true" {
		m.Address = sdk.ToString(i.PrivateIpAddress)
	}
	if i.Placement != nil {
		m.Zone = sdk.ToString(i.Placement.AvailabilityZone)
	}
	m.Expires = tag.ParseTime(i.tags[tag.Expires])
	hourly, _ := strconv.ParseFloat(i.tags[tag.Price], 64)
	m.Price = p.price(m.Type, hourly, i.InstanceLifecycle == types.InstanceLifecycleTypeSpot)
	return m
}

// unseen is a machine that EC2 has given and does not show yet: as the answer to our order had it, or,
// when that came to another process, as far as the journal knows it.
func (p *Provider) unseen(run string, o order, n int, id string) cloud.Machine {
	p.mu.Lock()
	m, ours := p.born[id]
	p.mu.Unlock()
	if ours {
		return m
	}
	return cloud.Machine{
		ID: id, Run: run, Name: prefix + strconv.Itoa(o.First+n), Port: 22, Launched: o.Time, Expires: o.Expires,
		State: cloud.Pending, Type: o.Type, Zone: o.Zone, Price: p.price(o.Type, 0, false),
	}
}

// remember keeps what dead machines have died of.
func (p *Provider) remember(instances []instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range instances {
		if !i.alive() {
			p.died[i.id()] = obituary(i)
		}
	}
}

// Why says what EC2 gave as the reason when the machine was last described.
func (p *Provider) Why(_ context.Context, _, id string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.died[id]
}

func obituary(i instance) string {
	if r := i.StateReason; r != nil && sdk.ToString(r.Message) != "" {
		return sdk.ToString(r.Message) // begins with the code, as in Server.InternalError: …
	}
	return cmp.Or(sdk.ToString(i.StateTransitionReason), string(i.state()))
}
