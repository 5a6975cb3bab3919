package awslab

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/gofab/gofab/internal/lab"
)

func TestClientToken(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.ec2("us-east-1")
	in := order(2)
	in.ClientToken = aws.String("once")
	first, err := c.RunInstances(t.Context(), in)
	must(t, err)
	again, err := c.RunInstances(t.Context(), in)
	must(t, err)
	if *again.ReservationId != *first.ReservationId || len(again.Instances) != 2 || *again.Instances[1].InstanceId != *first.Instances[1].InstanceId || len(e.Instances()) != 2 {
		t.Errorf("first %+v, again %+v", first, again)
	}
	in.MaxCount = aws.Int32(3)
	_, err = c.RunInstances(t.Context(), in)
	want(t, err, "IdempotentParameterMismatch")
	in.MaxCount = aws.Int32(2)
	if _, err := e.ec2("us-west-2").RunInstances(t.Context(), in); err != nil {
		t.Errorf("in another region: %v", err)
	}
	terminate(t, c, *first.Instances[0].InstanceId)
	become(t, c, *first.Instances[0].InstanceId, "terminated")
	_, err = c.RunInstances(t.Context(), in)
	want(t, err, "IdempotentInstanceTerminated")
	in.ClientToken = aws.String(strings.Repeat("x", 65))
	_, err = c.RunInstances(t.Context(), in)
	want(t, err, "InvalidParameterValue")
}

// A dry run says what would happen, and nothing does.
func TestDryRun(t *testing.T) {
	t.Parallel()
	e := start(t, Config{Denied: []string{"TerminateInstances", "CreateSecurityGroup"}})
	c := e.ec2("us-east-1")
	in := order(1)
	in.DryRun = aws.Bool(true)
	_, err := c.RunInstances(t.Context(), in)
	want(t, err, "DryRunOperation")
	if last := e.Calls()[0]; last.Status != http.StatusPreconditionFailed || len(e.Instances()) != 0 {
		t.Errorf("call %+v, instances %v", last, e.Instances())
	}
	in.ImageId = aws.String("ami-0123456789abcdef0")
	_, err = c.RunInstances(t.Context(), in)
	want(t, err, "InvalidAMIID.NotFound")
	for _, dry := range []bool{true, false} {
		_, err = c.TerminateInstances(t.Context(), &awsec2.TerminateInstancesInput{InstanceIds: []string{"i-0123456789abcdef0"}, DryRun: &dry})
		want(t, err, "UnauthorizedOperation")
	}
	if last := e.Calls()[3]; last.Status != http.StatusForbidden {
		t.Errorf("call: %+v", last)
	}
	_, err = c.CreateSecurityGroup(t.Context(), &awsec2.CreateSecurityGroupInput{GroupName: aws.String("g"), Description: aws.String("d")})
	want(t, err, "UnauthorizedOperation")
	if !strings.Contains(err.Error(), "ec2:CreateSecurityGroup") || len(e.Left()) != 0 {
		t.Errorf("error %v, left %v", err, e.Left())
	}
}

// post sends a request as no SDK would.
func post(t *testing.T, e *Endpoint, form url.Values) (status int, code string) {
	t.Helper()
	form.Set("Version", "2016-11-15")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.URL(), strings.NewReader(form.Encode()))
	must(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0")
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	res.Body.Close()
	calls := e.Calls()
	return res.StatusCode, calls[len(calls)-1].Code
}

func TestUndocumentedParametersAreRefused(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	for name, known := range map[string]bool{
		"Placement.AvailabilityZone":          true,
		"BlockDeviceMapping.1.Ebs.VolumeSize": true,
		"TagSpecification.1.Tag.1.Key":        true,
		"SecurityGroupId.2":                   true,
		"SecurityGroupIds.1":                  false,
		"TagSpecifications.1.Tags.1.Key":      false,
		"BlockDeviceMapping.Ebs.VolumeSize":   false,
		"SecurityGroupId":                     false,
		"Colour":                              false,
	} {
		_, code := post(t, e, url.Values{"Action": {"RunInstances"}, name: {"8"}})
		if (code != "UnknownParameter") != known {
			t.Errorf("%s: %s", name, code)
		}
	}
	if status, code := post(t, e, url.Values{"Action": {"RunInstances"}, "ImageId": {ImageAMD64}, "MaxCount": {"1"}}); code != "MissingParameter" || status != 400 {
		t.Errorf("without MinCount: %d %s", status, code)
	}
	if status, code := post(t, e, url.Values{"Action": {"RebootTheMoon"}}); code != "InvalidAction" || status != 400 {
		t.Errorf("unknown action: %d %s", status, code)
	}
}

func TestWhatRunInstancesRefuses(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.ec2("us-east-1")
	for code, changes := range map[string][]func(*awsec2.RunInstancesInput){
		"InvalidAMIID.NotFound":  {func(in *awsec2.RunInstancesInput) { in.ImageId = aws.String("ami-0123456789abcdef0") }},
		"InvalidAMIID.Malformed": {func(in *awsec2.RunInstancesInput) { in.ImageId = aws.String("ubuntu") }},
		"InvalidParameterValue": {
			func(in *awsec2.RunInstancesInput) { in.InstanceType = "x9.huge" },
			func(in *awsec2.RunInstancesInput) { in.InstanceType = "c7g.large" }, // arm64
			func(in *awsec2.RunInstancesInput) { in.MinCount = aws.Int32(2) },
			func(in *awsec2.RunInstancesInput) { in.MinCount = aws.Int32(0) },
			func(in *awsec2.RunInstancesInput) { in.ImageId = aws.String("resolve:ssm:/none") },
			func(in *awsec2.RunInstancesInput) {
				in.Placement = &types.Placement{AvailabilityZone: aws.String("eu-west-1a")}
			},
			func(in *awsec2.RunInstancesInput) { in.UserData = encode(strings.Repeat("x", 16<<10+1)) },
			func(in *awsec2.RunInstancesInput) { in.InstanceInitiatedShutdownBehavior = "explode" },
			func(in *awsec2.RunInstancesInput) {
				in.TagSpecifications = []types.TagSpecification{{ResourceType: "vpc"}}
			},
		},
		"InvalidUserData.Malformed": {func(in *awsec2.RunInstancesInput) { in.UserData = aws.String("#!/bin/sh") }},
		"InvalidSubnetID.NotFound":  {func(in *awsec2.RunInstancesInput) { in.SubnetId = aws.String("subnet-0") }},
		"InvalidGroup.NotFound": {
			func(in *awsec2.RunInstancesInput) { in.SecurityGroupIds = []string{"sg-0"} },
			func(in *awsec2.RunInstancesInput) { in.SecurityGroups = []string{"none"} },
		},
		"InvalidKeyPair.NotFound": {func(in *awsec2.RunInstancesInput) { in.KeyName = aws.String("none") }},
		"InvalidParameterCombination": {
			func(in *awsec2.RunInstancesInput) {
				in.TagSpecifications = []types.TagSpecification{{ResourceType: "spot-instances-request", Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}}
			},
			func(in *awsec2.RunInstancesInput) {
				in.SecurityGroupIds = []string{"sg-0"}
				in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{{DeviceIndex: aws.Int32(0)}}
			},
		},
		"InvalidBlockDeviceMapping": {func(in *awsec2.RunInstancesInput) {
			in.BlockDeviceMappings = []types.BlockDeviceMapping{{DeviceName: aws.String("/dev/sda1"), Ebs: &types.EbsBlockDevice{VolumeSize: aws.Int32(4)}}}
		}},
	} {
		for n, change := range changes {
			in := order(1)
			change(in)
			_, err := c.RunInstances(t.Context(), in)
			if want(t, err, code); t.Failed() {
				t.Fatalf("number %d of %s", n, code)
			}
		}
	}
	if all := e.Instances(); len(all) != 0 {
		t.Errorf("started: %+v", all)
	}
}

func TestQuota(t *testing.T) {
	t.Parallel()
	e := start(t, Config{Quota: 4, Shutdown: 300 * time.Millisecond})
	c := e.ec2("us-east-1")
	ids := run(t, c, order(1)) // 2 vCPUs
	_, err := c.RunInstances(t.Context(), order(2))
	want(t, err, "VcpuLimitExceeded")
	run(t, c, order(1))
	terminate(t, c, ids...)
	_, err = c.RunInstances(t.Context(), order(1)) // what shuts down still counts
	want(t, err, "VcpuLimitExceeded")
	become(t, c, ids[0], "terminated")
	run(t, c, order(1))
	in := order(3)
	in.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{MarketType: "spot"}
	_, err = c.RunInstances(t.Context(), in)
	want(t, err, "MaxSpotInstanceCountExceeded")
}

func TestCapacity(t *testing.T) {
	t.Parallel()
	e := start(t, Config{Capacity: map[string]int{"us-east-1a/t3.micro": 2, "us-east-1b/t3.micro": 0}})
	c := e.ec2("us-east-1")
	in := order(3)
	in.Placement = &types.Placement{AvailabilityZone: aws.String("us-east-1a")}
	_, err := c.RunInstances(t.Context(), in)
	want(t, err, "InsufficientInstanceCapacity")
	if call := e.Calls()[0]; call.Status != http.StatusInternalServerError {
		t.Errorf("status %d", call.Status)
	}
	in.MinCount = aws.Int32(1)
	in.ClientToken = nil
	if ids := run(t, c, in); len(ids) != 2 {
		t.Errorf("started %d", len(ids))
	}
	in.Placement.AvailabilityZone, in.ClientToken = aws.String("us-east-1b"), nil
	_, err = c.RunInstances(t.Context(), in)
	want(t, err, "InsufficientInstanceCapacity")
	in.InstanceType, in.ClientToken = "t3.small", nil
	run(t, c, in)
	free := order(1)
	if i := describe(t, c, run(t, c, free)...)[0]; *i.Placement.AvailabilityZone != "us-east-1c" {
		t.Errorf("placed in %s", *i.Placement.AvailabilityZone)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.ec2("us-east-1")
	e.Fault(Fault{Action: "RunInstances", Zone: "us-east-1b", Type: "t3.micro", Code: "InsufficientInstanceCapacity", Message: "none", Times: 2})
	e.Fault(Fault{Action: "DescribeInstances", Code: "RequestLimitExceeded", Message: "slow down"})
	in := order(1)
	run(t, c, in) // elsewhere
	in.Placement, in.ClientToken = &types.Placement{AvailabilityZone: aws.String("us-east-1b")}, nil
	for range 2 {
		_, err := c.RunInstances(t.Context(), in)
		want(t, err, "InsufficientInstanceCapacity")
	}
	run(t, c, in) // the fault is used up
	_, err := c.DescribeInstances(t.Context(), nil)
	want(t, err, "RequestLimitExceeded")
	if calls := e.Calls(); calls[1].Status != 500 || calls[4].Status != 503 {
		t.Errorf("calls: %+v", calls)
	}
	describe(t, c)
	e.Fault(Fault{Code: "RequestExpired", Message: "expired", Times: -1})
	for range 3 {
		_, err = c.DescribeRegions(t.Context(), nil)
		want(t, err, "RequestExpired")
	}
}

// An answer that is lost has had its effect: with one token, trying again starts no more.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	cfg := e.config("us-east-1")
	cfg.RetryMaxAttempts = 3
	e.Fault(Fault{Action: "RunInstances", Lost: true, Times: 2})
	in := order(2)
	out, err := awsec2.NewFromConfig(cfg).RunInstances(t.Context(), in)
	must(t, err)
	calls := e.Calls()
	if len(out.Instances) != 2 || len(e.Instances()) != 2 || len(calls) != 3 {
		t.Errorf("%d in the answer, %d started, calls %+v", len(out.Instances), len(e.Instances()), calls)
	}
	if calls[0].Status != 0 || calls[2].Status != 200 || calls[0].Params.Get("ClientToken") != calls[2].Params.Get("ClientToken") {
		t.Errorf("calls: %+v", calls)
	}
}

// A call that the hook drops has no effect, and an endpoint that is healed answers again.
func TestDrop(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.ec2("us-east-1")
	e.Hook(func(m Moment, call Call) {
		if m == Before && call.Action == "RunInstances" {
			e.Fault(Fault{Action: call.Action, Drop: true, Times: -1})
		}
	})
	for range 2 {
		if _, err := c.RunInstances(t.Context(), order(1)); err == nil || len(e.Instances()) != 0 {
			t.Errorf("error %v, started %v", err, e.Instances())
		}
	}
	e.Hook(nil)
	e.Heal()
	run(t, c, order(1))
}

func TestFewer(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.ec2("us-east-1")
	e.Fault(Fault{Action: "RunInstances", Fewer: 2, Times: 2})
	in := order(5)
	in.MinCount = aws.Int32(1)
	if ids := run(t, c, in); len(ids) != 3 {
		t.Errorf("started %d", len(ids))
	}
	_, err := c.RunInstances(t.Context(), order(5))
	want(t, err, "InsufficientInstanceCapacity")
}

func TestDelay(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	e.Fault(Fault{Action: "DescribeRegions", Delay: 300 * time.Millisecond})
	began := time.Now()
	_, err := e.ec2("us-east-1").DescribeRegions(t.Context(), nil)
	must(t, err)
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("answered after %v", took)
	}
}

func TestSpot(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.ec2("us-east-1")
	in := order(1)
	in.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{MarketType: "spot", SpotOptions: &types.SpotMarketOptions{SpotInstanceType: "one-time"}}
	in.TagSpecifications = []types.TagSpecification{{ResourceType: "spot-instances-request", Tags: []types.Tag{{Key: aws.String("run"), Value: aws.String("r1")}}}}
	i := describe(t, c, run(t, c, in)...)[0]
	if i.InstanceLifecycle != "spot" || i.SpotInstanceRequestId == nil || !e.Instances()[0].Spot {
		t.Fatalf("instance: %+v", i)
	}
	out, err := c.DescribeTags(t.Context(), &awsec2.DescribeTagsInput{Filters: []types.Filter{{Name: aws.String("resource-id"), Values: []string{*i.SpotInstanceRequestId}}}})
	must(t, err)
	if len(out.Tags) != 1 || out.Tags[0].ResourceType != "spot-instances-request" || *out.Tags[0].Value != "r1" {
		t.Errorf("tags: %+v", out.Tags)
	}
}

func TestVolumes(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.ec2("us-east-1")
	in := order(1)
	in.BlockDeviceMappings = []types.BlockDeviceMapping{
		{DeviceName: aws.String("/dev/sda1"), Ebs: &types.EbsBlockDevice{VolumeSize: aws.Int32(20), VolumeType: "gp3", Encrypted: aws.Bool(true), DeleteOnTermination: aws.Bool(true)}},
		{DeviceName: aws.String("/dev/sdb"), Ebs: &types.EbsBlockDevice{VolumeSize: aws.Int32(1)}},
	}
	in.TagSpecifications = []types.TagSpecification{{ResourceType: "volume", Tags: []types.Tag{{Key: aws.String("run"), Value: aws.String("r1")}}}}
	id := run(t, c, in)[0]
	list := func() []types.Volume {
		out, err := c.DescribeVolumes(t.Context(), &awsec2.DescribeVolumesInput{Filters: []types.Filter{{Name: aws.String("tag:run"), Values: []string{"r1"}}}})
		must(t, err)
		return out.Volumes
	}
	all := list()
	if len(all) != 2 || *all[0].Size != 20 || !*all[0].Encrypted || all[0].State != "in-use" || *all[0].Attachments[0].InstanceId != id || !*all[0].Attachments[0].DeleteOnTermination || *all[1].Attachments[0].DeleteOnTermination {
		t.Fatalf("volumes: %+v", all)
	}
	if i := describe(t, c, id)[0]; len(i.BlockDeviceMappings) != 2 || *i.BlockDeviceMappings[0].Ebs.VolumeId != *all[0].VolumeId {
		t.Errorf("devices: %+v", i.BlockDeviceMappings)
	}
	terminate(t, c, id)
	become(t, c, id, "terminated")
	// The second outlives its instance, as EC2 has it by default: it is left.
	lab.Eventually(t, 5*time.Second, "the root volume is deleted", func() bool { return len(list()) == 1 })
	if left := e.Left(); list()[0].State != "available" || len(left) != 1 || !strings.Contains(left[0], "volume "+*all[1].VolumeId) {
		t.Errorf("volumes %+v, left %v", list(), left)
	}
}

func TestNetworkInterface(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.ec2("us-east-1")
	group, err := c.CreateSecurityGroup(t.Context(), &awsec2.CreateSecurityGroupInput{GroupName: aws.String("g"), Description: aws.String("d")})
	must(t, err)
	subnets, err := c.DescribeSubnets(t.Context(), nil)
	must(t, err)
	in := order(1)
	in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{{
		DeviceIndex: aws.Int32(0), AssociatePublicIpAddress: aws.Bool(false), SubnetId: subnets.Subnets[2].SubnetId, Groups: []string{*group.GroupId}, DeleteOnTermination: aws.Bool(true),
	}}
	id := run(t, c, in)[0]
	i := become(t, c, id, "running")
	if i.PublicIpAddress != nil || i.PrivateIpAddress == nil || *i.Placement.AvailabilityZone != "us-east-1c" || *i.SecurityGroups[0].GroupId != *group.GroupId {
		t.Errorf("instance: %+v", i)
	}
}
