package aws

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/lab/awslab"
)

// A default subnet may give no public addresses: it is always said.
func TestPublicAddressIsAskedFor(t *testing.T) {
	for _, private := range []bool{false, true} {
		for _, subnet := range []string{"", "of us-east-1b"} {
			w := start(t, awslab.Config{})
			spec := w.order("r", 1)
			spec.PrivateIP = private
			if subnet != "" {
				spec.Subnet = w.subnet("us-east-1b")
			}
			w.launch(w.provider(), spec)
			sent := w.calls("RunInstances")[0].Params
			group := w.Instances()[0].Groups[0]
			for name, want := range map[string]string{
				"NetworkInterface.1.DeviceIndex": "0", "NetworkInterface.1.SubnetId": spec.Subnet, "NetworkInterface.1.SecurityGroupId.1": group,
				"NetworkInterface.1.DeleteOnTermination": "true", "SubnetId": "", "SecurityGroupId.1": "",
				"NetworkInterface.1.AssociatePublicIpAddress": map[bool]string{false: "true", true: "false"}[private],
			} {
				if got := sent.Get(name); got != want {
					t.Errorf("private %t, subnet %q: %s is %q, not %q", private, spec.Subnet, name, got, want)
				}
			}
		}
	}
}

// subnet is the default one of a zone.
func (w *world) subnet(zone string) string {
	w.t.Helper()
	c, err := w.provider().clients(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := c.ec2.DescribeSubnets(w.t.Context(), &ec2.DescribeSubnetsInput{Filters: []types.Filter{filter("availability-zone", zone)}})
	if err != nil || len(out.Subnets) != 1 {
		w.t.Fatalf("%v", err)
	}
	return *out.Subnets[0].SubnetId
}

func TestBurstable(t *testing.T) {
	for kind, want := range map[string]bool{"t1.micro": false, "t2.nano": true, "t3.micro": true, "t3a.small": true, "t4g.small": true, "c7a.medium": false, "trn1.2xlarge": false} {
		if burstable.MatchString(kind) != want {
			t.Errorf("%s: %t", kind, !want)
		}
	}
}

// A disk without room is a lack of capacity like others: the next type may have it.
func TestNoVolumesTakesTheNextType(t *testing.T) {
	w := start(t, awslab.Config{})
	w.Fault(awslab.Fault{Action: "RunInstances", Type: "t3.micro", Times: -1, Code: "InsufficientVolumeCapacity"})
	spec := w.order("r", 1)
	spec.Types = []string{"t3.micro", "t3.small"}
	w.launch(w.provider(), spec)
	if w.Instances()[0].Type != "t3.small" {
		t.Errorf("%+v", w.Instances())
	}
}

// An account without the role is told how to get it; nothing has been made by then.
func TestFirstSpotMachine(t *testing.T) {
	w := start(t, awslab.Config{})
	const code = "AuthFailure.ServiceLinkedRoleCreationNotPermitted"
	w.Fault(awslab.Fault{Action: "RunInstances", Times: -1, Code: code, Message: "The provided credentials do not have permission to create the service-linked role for EC2 Spot Instances."})
	spec := w.order("r", 1)
	spec.Spot = true
	w.refused(w.provider(), spec, code, "service-linked role", "aws iam create-service-linked-role --aws-service-name spot.amazonaws.com")
	if n := len(w.calls("CreateSecurityGroup")); n > 0 {
		t.Error("a group was made")
	}
}

// What a parameter leads to is booted from with the right root device, or not at all.
func TestRootDeviceOfAParameter(t *testing.T) {
	w := start(t, awslab.Config{})
	c, err := w.provider().clients(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for parameter, want := range map[string]string{
		"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64":                           "/dev/xvda",
		"/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id":                           "/dev/xvda",
		"/aws/service/debian/release/12/latest/amd64":                                                     "/dev/xvda",
		"/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id":              "/dev/sda1",
		"/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id":      "/dev/sda1",
		"/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-amazon-linux-2023/latest/ami-id": "/dev/xvda",
		"/aws/service/suse/sles/15-sp5/x86_64/latest":                                                     "/dev/sda1",
		"/mine/rocky9": "/dev/sda1",
		"/mine/rhel9":  "/dev/sda1",
		"/mine/golden": "",
		"/aws/service/bottlerocket/aws-ecs-1/x86_64/latest/image_id": "",
		"/aws/service/ami-windows-latest/Windows_Server-2022":        "",
	} {
		got, err := c.image(t.Context(), cloud.LaunchSpec{Image: "resolve:ssm:" + parameter})
		if got.root != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", parameter, got.root, err)
		}
	}
	spec := w.order("r", 1)
	spec.Image = "resolve:ssm:/mine/golden"
	w.refused(w.provider(), spec, "", "root device", "ami-…")
	if w.made() > 0 {
		t.Error("something was launched")
	}
}

// Who reaches AWS through an endpoint in a VPC does not reach the machines' public addresses from
// there.
func TestAPrivateEndpointIsNotNearby(t *testing.T) {
	start(t, awslab.Config{})
	for endpoint, want := range map[string]struct{ public, private string }{
		"http://127.0.0.1:1": {"127.0.0.1", "127.0.0.1"},
		"http://10.1.2.3":    {"", "10.1.2.3"},
		"http://192.0.2.1":   {"", ""},
	} {
		t.Setenv("AWS_ENDPOINT_URL_EC2", endpoint)
		c, err := New(t.TempDir(), "").clients(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if public, private := c.nearby(false), c.nearby(true); public != want.public || private != want.private {
			t.Errorf("%s: %q and %q", endpoint, public, private)
		}
	}
}

// What a named network gets wrong is told with the word that names it.
func TestNamedNetworkIsWrong(t *testing.T) {
	w := start(t, awslab.Config{})
	spec := w.order("r", 1)
	spec.SecurityGroup = "sg-0123456789abcdef0"
	w.refused(w.provider(), spec, "InvalidGroup.NotFound", "sg-0123456789abcdef0", "security_group:")
	spec.SecurityGroup, spec.Subnet = "", "subnet-0123456789abcdef0"
	w.refused(w.provider(), spec, "InvalidSubnetID.NotFound", spec.Subnet, "subnet:")
	if w.made() > 0 {
		t.Error("something was launched")
	}
}
