package aws

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/aws/awserr"
	"github.com/gofab/gofab/internal/cloud/aws/tag"
)

// Runs lists every run of which the region has an instance, a security group or a queue with our
// tags: what can be ended with no state of our own. Along with an error it lists what it has found
// all the same.
func (p *Provider) Runs(ctx context.Context) ([]cloud.Trace, error) {
	c, err := p.clients(ctx)
	if err != nil {
		return nil, err
	}
	found := traces{}
	instances, instancesErr := c.describe(ctx, filter("tag-key", tag.Run))
	for _, i := range instances {
		if i.there() {
			found.add(i.tags, 1)
		}
	}
	groups, groupsErr := c.groups(ctx, filter("tag-key", tag.Run))
	for _, g := range groups {
		found.add(tagMap(g.Tags), 0)
	}
	queues, queuesErr := c.queues.Runs(ctx)
	for _, q := range queues {
		found.merge(q)
	}
	all := slices.SortedFunc(maps.Values(found), func(a, b cloud.Trace) int { return cmp.Compare(a.Run, b.Run) })
	return all, errors.Join(instancesErr, groupsErr, queuesErr)
}

// traces are the runs found, by name.
type traces map[string]cloud.Trace

func (t traces) add(tags map[string]string, machines int) {
	t.merge(cloud.Trace{Run: tags[tag.Run], Owner: tags[tag.Owner], Machines: machines, Expires: tag.ParseTime(tags[tag.Expires])})
}

func (t traces) merge(more cloud.Trace) {
	if more.Run == "" {
		return
	}
	have := t[more.Run]
	have.Run, have.Owner, have.Machines = more.Run, cmp.Or(have.Owner, more.Owner), have.Machines+more.Machines
	if more.Expires.After(have.Expires) {
		have.Expires = more.Expires
	}
	t[more.Run] = have
}

// Regions lists the regions that the account can use.
func (p *Provider) Regions(ctx context.Context) ([]string, error) {
	c, err := p.clients(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := awserr.Within(ctx, callLimit)
	defer cancel()
	out, err := c.ec2.DescribeRegions(ctx, &ec2.DescribeRegionsInput{})
	if err != nil {
		return nil, explain(ctx, "ec2:DescribeRegions", err)
	}
	var names []string
	for _, r := range out.Regions {
		names = append(names, sdk.ToString(r.RegionName))
	}
	slices.Sort(names)
	return names, nil
}
