package awslab

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func makeGroup(t *testing.T, c *awsec2.Client, name string) string {
	t.Helper()
	out, err := c.CreateSecurityGroup(t.Context(), &awsec2.CreateSecurityGroupInput{
		GroupName: &name, Description: aws.String("of " + name),
		TagSpecifications: []types.TagSpecification{{ResourceType: "security-group", Tags: []types.Tag{{Key: aws.String("run"), Value: &name}}}},
	})
	must(t, err)
	return *out.GroupId
}

func groupsBy(t *testing.T, c *awsec2.Client, name string, values ...string) []types.SecurityGroup {
	t.Helper()
	out, err := c.DescribeSecurityGroups(t.Context(), &awsec2.DescribeSecurityGroupsInput{Filters: []types.Filter{{Name: &name, Values: values}}})
	must(t, err)
	return out.SecurityGroups
}

func TestSecurityGroups(t *testing.T) {
	t.Parallel()
	e := start(t, Config{Page: 2})
	c := e.ec2("us-east-1")
	a, b := makeGroup(t, c, "a"), makeGroup(t, c, "b")
	if g := groupsBy(t, c, "tag:run", "a"); len(g) != 1 || *g[0].GroupId != a || *g[0].GroupName != "a" || *g[0].Description != "of a" || *g[0].OwnerId != Account || *g[0].Tags[0].Value != "a" {
		t.Errorf("by tag: %+v", g)
	}
	vpcs, err := c.DescribeVpcs(t.Context(), &awsec2.DescribeVpcsInput{Filters: []types.Filter{{Name: aws.String("is-default"), Values: []string{"true"}}}})
	must(t, err)
	if g := groupsBy(t, c, "group-name", "b"); len(g) != 1 || *g[0].GroupId != b || *g[0].VpcId != *vpcs.Vpcs[0].VpcId {
		t.Errorf("by name: %+v", g)
	}
	_, err = c.CreateSecurityGroup(t.Context(), &awsec2.CreateSecurityGroupInput{GroupName: aws.String("a"), Description: aws.String("d"), VpcId: vpcs.Vpcs[0].VpcId})
	want(t, err, "InvalidGroup.Duplicate")
	_, err = c.CreateSecurityGroup(t.Context(), &awsec2.CreateSecurityGroupInput{GroupName: aws.String("c"), Description: aws.String("d"), VpcId: aws.String("vpc-0")})
	want(t, err, "InvalidVpcID.NotFound")
	pages := awsec2.NewDescribeSecurityGroupsPaginator(c, &awsec2.DescribeSecurityGroupsInput{})
	var sizes []int
	for pages.HasMorePages() {
		out, err := pages.NextPage(t.Context())
		must(t, err)
		sizes = append(sizes, len(out.SecurityGroups))
	}
	if len(sizes) != 2 || sizes[0] != 2 || sizes[1] != 1 { // with the default one
		t.Errorf("pages of %v", sizes)
	}
	_, err = c.DescribeSecurityGroups(t.Context(), &awsec2.DescribeSecurityGroupsInput{GroupIds: []string{a, "sg-0"}})
	want(t, err, "InvalidGroup.NotFound")
	_, err = c.DeleteSecurityGroup(t.Context(), &awsec2.DeleteSecurityGroupInput{GroupName: aws.String("default")})
	want(t, err, "CannotDelete")
	_, err = c.DeleteSecurityGroup(t.Context(), &awsec2.DeleteSecurityGroupInput{GroupId: &a})
	must(t, err)
	_, err = c.DeleteSecurityGroup(t.Context(), &awsec2.DeleteSecurityGroupInput{GroupId: &a})
	want(t, err, "InvalidGroup.NotFound")
}

func TestAGroupInUseCannotBeDeleted(t *testing.T) {
	t.Parallel()
	e := start(t, Config{Shutdown: 300 * time.Millisecond})
	c := e.ec2("us-east-1")
	group := makeGroup(t, c, "g")
	in := order(1)
	in.SecurityGroupIds = []string{group}
	id := run(t, c, in)[0]
	remove := func() error {
		_, err := c.DeleteSecurityGroup(t.Context(), &awsec2.DeleteSecurityGroupInput{GroupId: &group})
		return err
	}
	want(t, remove(), "DependencyViolation")
	terminate(t, c, id)
	want(t, remove(), "DependencyViolation") // it still shuts down
	become(t, c, id, "terminated")
	must(t, remove())
}

func TestNewGroupsAreNotVisibleAtOnce(t *testing.T) {
	t.Parallel()
	e := start(t, Config{Visible: time.Hour})
	c := e.ec2("us-east-1")
	group := makeGroup(t, c, "g")
	_, err := c.DescribeSecurityGroups(t.Context(), &awsec2.DescribeSecurityGroupsInput{GroupIds: []string{group}})
	want(t, err, "InvalidGroup.NotFound")
	in := order(1)
	in.SecurityGroupIds = []string{group}
	_, err = c.RunInstances(t.Context(), in)
	want(t, err, "InvalidGroup.NotFound")
	if g := groupsBy(t, c, "tag:run", "g"); len(g) != 0 {
		t.Errorf("visible: %+v", g)
	}
	_, err = c.CreateSecurityGroup(t.Context(), &awsec2.CreateSecurityGroupInput{GroupName: aws.String("g"), Description: aws.String("d")})
	want(t, err, "InvalidGroup.Duplicate")
	e.Reveal()
	if g := groupsBy(t, c, "group-id", group); len(g) != 1 {
		t.Errorf("%d groups after it was revealed", len(g))
	}
	in.ClientToken = nil
	run(t, c, in)
}

func TestRules(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.ec2("us-east-1")
	group := makeGroup(t, c, "g")
	in := &awsec2.AuthorizeSecurityGroupIngressInput{
		GroupId: &group,
		IpPermissions: []types.IpPermission{{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(22), ToPort: aws.Int32(22),
			IpRanges:   []types.IpRange{{CidrIp: aws.String("192.0.2.1/32"), Description: aws.String("me")}},
			Ipv6Ranges: []types.Ipv6Range{{CidrIpv6: aws.String("2001:db8::1/128")}},
		}},
		TagSpecifications: []types.TagSpecification{{ResourceType: "security-group-rule", Tags: []types.Tag{{Key: aws.String("run"), Value: aws.String("r1")}}}},
	}
	out, err := c.AuthorizeSecurityGroupIngress(t.Context(), in)
	must(t, err)
	if r := out.SecurityGroupRules; !*out.Return || len(r) != 2 || *r[0].CidrIpv4 != "192.0.2.1/32" || *r[0].FromPort != 22 || *r[0].IsEgress || *r[0].Description != "me" ||
		*r[0].GroupId != group || *r[0].Tags[0].Value != "r1" || *r[1].CidrIpv6 != "2001:db8::1/128" {
		t.Errorf("rules: %+v", r)
	}
	_, err = c.AuthorizeSecurityGroupIngress(t.Context(), in)
	want(t, err, "InvalidPermission.Duplicate")
	p := groupsBy(t, c, "ip-permission.cidr", "192.0.2.1/32")[0].IpPermissions
	if len(p) != 1 || *p[0].FromPort != 22 || *p[0].ToPort != 22 || *p[0].IpProtocol != "tcp" || *p[0].IpRanges[0].CidrIp != "192.0.2.1/32" || *p[0].Ipv6Ranges[0].CidrIpv6 != "2001:db8::1/128" {
		t.Errorf("permissions: %+v", p)
	}
	// One rule can be written without a list.
	_, err = c.AuthorizeSecurityGroupIngress(t.Context(), &awsec2.AuthorizeSecurityGroupIngressInput{
		GroupName: aws.String("g"), IpProtocol: aws.String("udp"), FromPort: aws.Int32(53), ToPort: aws.Int32(53), CidrIp: aws.String("0.0.0.0/0"),
	})
	must(t, err)
	_, err = c.AuthorizeSecurityGroupIngress(t.Context(), &awsec2.AuthorizeSecurityGroupIngressInput{
		GroupId: &group, IpPermissions: []types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(1), ToPort: aws.Int32(2), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: &group}}}},
	})
	must(t, err)
	if p := groupsBy(t, c, "group-id", group)[0].IpPermissions; len(p) != 3 || *p[2].UserIdGroupPairs[0].GroupId != group {
		t.Errorf("permissions: %+v", p)
	}
	for cidr, port := range map[string]int32{"192.0.2.1": 22, "everybody": 22, "192.0.2.1/32": 70000} {
		in.IpPermissions[0].IpRanges[0].CidrIp, in.IpPermissions[0].ToPort = &cidr, &port
		_, err = c.AuthorizeSecurityGroupIngress(t.Context(), in)
		want(t, err, "InvalidParameterValue")
	}
}
