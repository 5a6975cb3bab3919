package aws

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/aws/tag"
	"github.com/gofab/gofab/internal/journal"
)

// group is the security group of a launch: the one that was named, or the run's own, which lets
// nobody in but us, and that only to SSH. It is found by its tag when it is there already.
func (p *Provider) group(ctx context.Context, c *clients, spec cloud.LaunchSpec, expires time.Time) (string, error) {
	if spec.SecurityGroup != "" {
		return spec.SecurityGroup, nil
	}
	groups, err := c.groups(ctx, filter("tag:"+tag.Run, spec.Run))
	if err != nil {
		return "", err
	}
	if len(groups) > 0 {
		id := sdk.ToString(groups[0].GroupId)
		if len(groups[0].IpPermissions) > 0 {
			return id, nil
		}
		return id, c.admit(ctx, id, spec)
	}
	if err := p.note(spec.Run, journal.Record{What: journal.Group}); err != nil {
		return "", fmt.Errorf("write the journal: %w", err)
	}
	// Once asked for, the answer is waited for: it says what to delete.
	id, err := c.makeGroup(context.WithoutCancel(ctx), spec, expires)
	if code(err) != "" {
		err = errors.Join(err, p.note(spec.Run, journal.Record{What: journal.Group, Error: code(err)}))
	}
	if err != nil {
		return "", err
	}
	if err := p.note(spec.Run, journal.Record{What: journal.Group, Group: id}); err != nil {
		return "", fmt.Errorf("write the journal: %w", err)
	}
	return id, c.admit(ctx, id, spec)
}

// groups lists the security groups that a filter matches.
func (c *clients) groups(ctx context.Context, filters ...types.Filter) ([]types.SecurityGroup, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	var all []types.SecurityGroup
	pages := ec2.NewDescribeSecurityGroupsPaginator(c.ec2, &ec2.DescribeSecurityGroupsInput{Filters: filters, MaxResults: sdk.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, explain(ctx, "ec2:DescribeSecurityGroups", err)
		}
		all = append(all, page.SecurityGroups...)
	}
	return all, nil
}

// makeGroup makes the run's group, in the subnet's VPC or the default one. Somebody else may have
// made it a moment ago, or an answer was lost: the name is the run's, so it is ours.
func (c *clients) makeGroup(ctx context.Context, spec cloud.LaunchSpec, expires time.Time) (string, error) {
	vpc, err := c.vpc(ctx, spec.Subnet)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	in := groupInput(spec.Run, expires)
	if vpc != "" {
		in.VpcId = sdk.String(vpc)
	}
	out, err := c.ec2.CreateSecurityGroup(ctx, in)
	if code(err) == "InvalidGroup.Duplicate" {
		for ; ctx.Err() == nil; pause(ctx, c.tick) {
			groups, err := c.groups(ctx, filter("group-name", "gofab-"+spec.Run), filter("tag:"+tag.Run, spec.Run))
			if err != nil || len(groups) > 0 {
				return firstID(groups), err
			}
		}
	}
	if err != nil {
		return "", explain(ctx, "ec2:CreateSecurityGroup", err)
	}
	return sdk.ToString(out.GroupId), nil
}

func groupInput(run string, expires time.Time) *ec2.CreateSecurityGroupInput {
	return &ec2.CreateSecurityGroupInput{
		GroupName: sdk.String("gofab-" + run), Description: sdk.String("SSH from the computer that runs gofab, for one run"),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeSecurityGroup, Tags: commonTags(run, expires)}},
	}
}

func firstID(groups []types.SecurityGroup) string {
	if len(groups) == 0 {
		return ""
	}
	return sdk.ToString(groups[0].GroupId)
}

// vpc is the subnet's; empty without a subnet: EC2 then takes the default one.
func (c *clients) vpc(ctx context.Context, subnet string) (string, error) {
	if subnet == "" {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	out, err := c.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{subnet}})
	if err != nil {
		return "", explain(ctx, "ec2:DescribeSubnets", err)
	}
	if len(out.Subnets) == 0 {
		return "", &Error{Err: fmt.Errorf("there is no subnet %s in %s", subnet, c.config.Region), remedy: "name a subnet of this region"}
	}
	return sdk.ToString(out.Subnets[0].VpcId), nil
}

// admit lets the controller in to SSH, and nobody else. A new group may not be visible at once.
func (c *clients) admit(ctx context.Context, group string, spec cloud.LaunchSpec) error {
	who, err := c.caller(ctx, spec.PrivateIP)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	rule := types.IpPermission{IpProtocol: sdk.String("tcp"), FromPort: sdk.Int32(22), ToPort: sdk.Int32(22)}
	if who.Addr().Is4() {
		rule.IpRanges = []types.IpRange{{CidrIp: sdk.String(who.String()), Description: sdk.String("gofab")}}
	} else {
		rule.Ipv6Ranges = []types.Ipv6Range{{CidrIpv6: sdk.String(who.String()), Description: sdk.String("gofab")}}
	}
	for {
		_, err := c.ec2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: sdk.String(group), IpPermissions: []types.IpPermission{rule}})
		switch {
		case err == nil || code(err) == "InvalidPermission.Duplicate":
			return nil
		case !is(err, notFound) || !pause(ctx, c.tick):
			return explain(ctx, "ec2:AuthorizeSecurityGroupIngress", err)
		}
	}
}

// deleteGroups tries once to remove each of the run's security groups: those that have its tag, and
// those that the journal knows by id and EC2 may not show yet. gone has what earlier calls removed.
// left says what is still there and may go later: EC2 refuses while a machine that uses a group has
// not ended altogether, which takes it a minute or so.
func (c *clients) deleteGroups(ctx context.Context, led ledger, run string, gone map[string]bool) (left, err error) {
	groups, err := c.groups(ctx, filter("tag:"+tag.Run, run))
	if err != nil {
		return nil, err
	}
	ids := maps.Clone(led.groups)
	for _, g := range groups {
		ids[sdk.ToString(g.GroupId)] = time.Time{} // EC2 shows it: what it says of it can be believed
	}
	for id, made := range ids {
		if gone[id] {
			continue
		}
		_, err := c.ec2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &id})
		switch {
		case err == nil, is(err, notFound) && !c.recent(made, c.settling):
			gone[id] = true
		case is(err, notFound), code(err) == "DependencyViolation":
			left = fmt.Errorf("the security group %s: %w", id, explain(ctx, "ec2:DeleteSecurityGroup", err))
		default:
			return nil, fmt.Errorf("the security group %s is left: %w", id, explain(ctx, "ec2:DeleteSecurityGroup", err))
		}
	}
	if left == nil && len(gone) == 0 && c.recent(led.grouping, c.settling) {
		left = errors.New("a security group was about to be made")
	}
	return left, nil
}
