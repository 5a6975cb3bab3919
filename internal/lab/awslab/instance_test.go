package awslab

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/gofab/gofab/internal/lab"
)

func terminate(t *testing.T, c *awsec2.Client, ids ...string) []types.InstanceStateChange {
	t.Helper()
	out, err := c.TerminateInstances(t.Context(), &awsec2.TerminateInstancesInput{InstanceIds: ids})
	must(t, err)
	return out.TerminatingInstances
}

// states are what an instance is seen in, in this order, as time goes by.
func states(t *testing.T, c *awsec2.Client, id string, last types.InstanceStateName) (seen []types.Instance) {
	t.Helper()
	lab.Eventually(t, 20*time.Second, "instance becomes "+string(last), func() bool {
		now := describe(t, c, id)[0]
		if len(seen) == 0 || seen[len(seen)-1].State.Name != now.State.Name {
			seen = append(seen, now)
		}
		return now.State.Name == last
	})
	return seen
}

func TestALife(t *testing.T) {
	t.Parallel()
	e := start(t, Config{Boot: 300 * time.Millisecond, Shutdown: 300 * time.Millisecond, Forget: 300 * time.Millisecond})
	c := e.ec2("us-east-1")
	began := time.Now()
	id := run(t, c, order(1))[0]
	seen := states(t, c, id, "running")
	if len(seen) != 2 || seen[0].State.Name != "pending" || *seen[0].State.Code != 0 || *seen[1].State.Code != 16 || time.Since(began) < e.cfg.Boot {
		t.Errorf("seen %+v after %v", seen, time.Since(began))
	}
	if *seen[0].StateReason.Code != "pending" || seen[0].PublicIpAddress != nil || seen[1].StateReason != nil || seen[1].PublicIpAddress == nil || *seen[1].PrivateIpAddress == "" {
		t.Errorf("pending: %+v; running: %+v", seen[0], seen[1])
	}

	began = time.Now()
	change := terminate(t, c, id)[0]
	if change.PreviousState.Name != "running" || change.CurrentState.Name != "shutting-down" || *change.CurrentState.Code != 32 {
		t.Errorf("change: %+v", change)
	}
	if again := terminate(t, c, id)[0]; again.PreviousState.Name != "shutting-down" || again.CurrentState.Name != "shutting-down" {
		t.Errorf("a second time: %+v", again)
	}
	seen = states(t, c, id, "terminated")
	if len(seen) != 2 || seen[0].State.Name != "shutting-down" || time.Since(began) < e.cfg.Shutdown {
		t.Errorf("seen %+v after %v", seen, time.Since(began))
	}
	last := seen[len(seen)-1]
	if *last.State.Code != 48 || *last.StateReason.Code != "Client.UserInitiatedShutdown" || last.PublicIpAddress != nil || last.PrivateIpAddress != nil || len(last.SecurityGroups) != 0 {
		t.Errorf("terminated: %+v", last)
	}
	lab.Eventually(t, 10*time.Second, "the instance is forgotten", func() bool {
		out, err := c.DescribeInstances(t.Context(), nil)
		must(t, err)
		return len(out.Reservations) == 0
	})
	_, err := c.DescribeInstances(t.Context(), &awsec2.DescribeInstancesInput{InstanceIds: []string{id}})
	want(t, err, "InvalidInstanceID.NotFound")
}

func TestWhatAnInstanceSays(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.ec2("us-east-1")
	in := order(2)
	in.ImageId = aws.String("resolve:ssm:/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id")
	in.InstanceType, in.ClientToken = "c7g.large", aws.String("token")
	in.Placement = &types.Placement{AvailabilityZone: aws.String("us-east-1b")}
	in.MetadataOptions = &types.InstanceMetadataOptionsRequest{HttpTokens: "required", HttpPutResponseHopLimit: aws.Int32(2)}
	in.TagSpecifications = []types.TagSpecification{{ResourceType: "instance", Tags: []types.Tag{{Key: aws.String("Name"), Value: aws.String("a <b>")}}}}
	out, err := c.RunInstances(t.Context(), in)
	must(t, err)
	if *out.OwnerId != Account || len(*out.ReservationId) != 19 || out.ResultMetadata.Get("none") != nil {
		t.Errorf("reservation: %+v", out)
	}
	for n, i := range out.Instances {
		if i.State.Name != "pending" || int(*i.AmiLaunchIndex) != n || *i.ImageId != ImageARM64 || i.Architecture != "arm64" || i.InstanceType != "c7g.large" {
			t.Errorf("instance %d: %+v", n, i)
		}
		if *i.Placement.AvailabilityZone != "us-east-1b" || *i.ClientToken != "token" || time.Since(*i.LaunchTime) > time.Minute || *i.Tags[0].Key != "Name" || *i.Tags[0].Value != "a <b>" {
			t.Errorf("instance %d: %+v", n, i)
		}
		if i.MetadataOptions.HttpTokens != "required" || *i.MetadataOptions.HttpPutResponseHopLimit != 2 || *i.SecurityGroups[0].GroupName != "default" || i.InstanceLifecycle != "" {
			t.Errorf("instance %d: %+v", n, i)
		}
	}
	subnets, err := c.DescribeSubnets(t.Context(), nil)
	must(t, err)
	if i := out.Instances[0]; *i.SubnetId != *subnets.Subnets[1].SubnetId || *i.VpcId != *subnets.Subnets[1].VpcId || len(i.NetworkInterfaces) != 1 {
		t.Errorf("subnet %s, %+v", *i.SubnetId, subnets.Subnets)
	}
}

func TestAddressesComeLate(t *testing.T) {
	t.Parallel()
	e := start(t, Config{Address: 300 * time.Millisecond})
	c := e.ec2("us-east-1")
	id := run(t, c, order(1))[0]
	if i := become(t, c, id, "running"); i.PublicIpAddress != nil || i.PrivateIpAddress != nil || aws.ToString(i.PublicDnsName) != "" {
		t.Errorf("at once: %+v", i)
	}
	lab.Eventually(t, 10*time.Second, "the addresses come", func() bool {
		i := describe(t, c, id)[0]
		return i.PublicIpAddress != nil && i.PrivateIpAddress != nil && *i.PublicIpAddress == e.Instances()[0].Address
	})
}

func TestNewInstancesAreNotVisibleAtOnce(t *testing.T) {
	t.Parallel()
	e := start(t, Config{Visible: time.Hour})
	c := e.ec2("us-east-1")
	id := run(t, c, order(1))[0]
	_, err := c.DescribeInstances(t.Context(), &awsec2.DescribeInstancesInput{InstanceIds: []string{id}})
	want(t, err, "InvalidInstanceID.NotFound")
	_, err = c.TerminateInstances(t.Context(), &awsec2.TerminateInstancesInput{InstanceIds: []string{id}})
	want(t, err, "InvalidInstanceID.NotFound")
	if n := len(describe(t, c)); n != 0 {
		t.Errorf("%d instances are visible", n)
	}
	e.Reveal()
	if n := len(describe(t, c, id)); n != 1 {
		t.Errorf("%d instances after they were revealed", n)
	}
	terminate(t, c, id)
}

func TestTerminateIsAllOrNothing(t *testing.T) {
	t.Parallel()
	e := start(t, Config{Shutdown: time.Hour})
	c := e.ec2("us-east-1")
	id := run(t, c, order(1))[0]
	for bad, code := range map[string]string{"i-0123456789abcdef0": "InvalidInstanceID.NotFound", "none": "InvalidInstanceID.Malformed"} {
		_, err := c.TerminateInstances(t.Context(), &awsec2.TerminateInstancesInput{InstanceIds: []string{id, bad}})
		want(t, err, code)
	}
	become(t, c, id, "running")
}

// A protected instance spares those of its zone, and no others.
func TestTerminationProtection(t *testing.T) {
	t.Parallel()
	e := start(t, Config{Shutdown: time.Hour})
	c := e.ec2("us-east-1")
	launch := func(zone string, protected bool) string {
		in := order(1)
		in.DisableApiTermination, in.Placement = &protected, &types.Placement{AvailabilityZone: &zone}
		return run(t, c, in)[0]
	}
	protected, beside, elsewhere := launch("us-east-1a", true), launch("us-east-1a", false), launch("us-east-1b", false)
	_, err := c.TerminateInstances(t.Context(), &awsec2.TerminateInstancesInput{InstanceIds: []string{protected, beside, elsewhere}})
	want(t, err, "OperationNotPermitted")
	become(t, c, protected, "running")
	become(t, c, beside, "running")
	become(t, c, elsewhere, "shutting-down")
}

func TestFilters(t *testing.T) {
	t.Parallel()
	e := start(t, Config{Shutdown: time.Hour})
	c := e.ec2("us-east-1")
	in := order(1)
	in.TagSpecifications = []types.TagSpecification{{ResourceType: "instance", Tags: []types.Tag{{Key: aws.String("run"), Value: aws.String("r1")}, {Key: aws.String("owner"), Value: aws.String("me")}}}}
	first := run(t, c, in)[0]
	in.TagSpecifications[0].Tags[0].Value = aws.String("r2")
	in.InstanceType, in.ClientToken = "c7i.large", nil
	second := run(t, c, in)[0]
	third := run(t, c, order(1))[0]
	become(t, c, first, "running")
	become(t, c, second, "running")
	terminate(t, c, third)
	group := *describe(t, c, first)[0].SecurityGroups[0].GroupId

	for _, test := range []struct {
		filters []string // name, value …; "" separates filters
		want    []string
	}{
		{[]string{"tag:run", "r1"}, []string{first}},
		{[]string{"tag:run", "r1", "r2"}, []string{first, second}},
		{[]string{"tag:run", "r?"}, []string{first, second}},
		{[]string{"tag:run", "*2"}, []string{second}},
		{[]string{"tag:run", `r\?`}, nil},
		{[]string{"tag:none", "*"}, nil},
		{[]string{"tag-key", "owner"}, []string{first, second}},
		{[]string{"tag:owner", "me", "", "instance-type", "c7i.large"}, []string{second}},
		{[]string{"instance-state-name", "running", "pending"}, []string{first, second}},
		{[]string{"instance-state-name", "shutting-down"}, []string{third}},
		{[]string{"instance-id", third}, []string{third}},
		{[]string{"instance.group-id", group}, []string{first, second, third}},
		{[]string{"instance.group-id", "sg-0"}, nil},
		{[]string{"vpc-id", *describe(t, c, first)[0].VpcId}, []string{first, second, third}},
	} {
		var filters []types.Filter
		for i := 0; i < len(test.filters); i++ {
			f := types.Filter{Name: &test.filters[i]}
			for i++; i < len(test.filters) && test.filters[i] != ""; i++ {
				f.Values = append(f.Values, test.filters[i])
			}
			filters = append(filters, f)
		}
		out, err := c.DescribeInstances(t.Context(), &awsec2.DescribeInstancesInput{Filters: filters})
		must(t, err)
		var got []string
		for _, r := range out.Reservations {
			for _, i := range r.Instances {
				got = append(got, *i.InstanceId)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%q: got %v, want %v", test.filters, got, test.want)
		}
	}
	_, err := c.DescribeInstances(t.Context(), &awsec2.DescribeInstancesInput{Filters: []types.Filter{{Name: aws.String("colour"), Values: []string{"red"}}}})
	want(t, err, "InvalidParameterValue")
}

// Pages come in order, none is longer than said, and what comes or goes meanwhile moves nothing.
func TestPages(t *testing.T) {
	t.Parallel()
	e := start(t, Config{Page: 3, Forget: time.Millisecond})
	c := e.ec2("us-east-1")
	ids := run(t, c, order(4))
	ids = append(ids, run(t, c, order(4))...)
	pages := awsec2.NewDescribeInstancesPaginator(c, &awsec2.DescribeInstancesInput{})
	var got []string
	var sizes []int
	for pages.HasMorePages() {
		out, err := pages.NextPage(t.Context())
		must(t, err)
		n := 0
		for _, r := range out.Reservations {
			for _, i := range r.Instances {
				got = append(got, *i.InstanceId)
				n++
			}
		}
		if sizes = append(sizes, n); len(sizes) == 1 {
			terminate(t, c, ids[0])
			lab.Eventually(t, 10*time.Second, "the first is forgotten", func() bool { return len(e.Instances()) == 7 })
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(ids) || fmt.Sprint(sizes) != "[3 3 2]" {
		t.Errorf("pages of %v: got %v, want %v", sizes, got, ids)
	}
	out, err := c.DescribeInstances(t.Context(), &awsec2.DescribeInstancesInput{MaxResults: aws.Int32(5)})
	must(t, err)
	if out.NextToken == nil {
		t.Error("the page of 5 is the last one")
	}
	_, err = c.DescribeInstances(t.Context(), &awsec2.DescribeInstancesInput{MaxResults: aws.Int32(4)})
	want(t, err, "InvalidParameterValue")
	_, err = c.DescribeInstances(t.Context(), &awsec2.DescribeInstancesInput{MaxResults: aws.Int32(5), InstanceIds: ids[:1]})
	want(t, err, "InvalidParameterCombination")
	_, err = c.DescribeInstances(t.Context(), &awsec2.DescribeInstancesInput{NextToken: aws.String("x")})
	want(t, err, "InvalidNextToken")
}

func TestFail(t *testing.T) {
	t.Parallel()
	e := start(t, Config{Boot: time.Hour})
	c := e.ec2("us-east-1")
	id := run(t, c, order(1))[0]
	if !e.Fail(id, "Server.InternalError", "Server.InternalError: Internal error on launch") {
		t.Error("there is no such instance")
	}
	i := describe(t, c, id)[0]
	if i.State.Name != "terminated" || *i.StateReason.Code != "Server.InternalError" || *i.StateReason.Message != "Server.InternalError: Internal error on launch" {
		t.Errorf("instance: %+v", i)
	}
	if e.Fail(id, "x", "y") {
		t.Error("it died twice")
	}
}
