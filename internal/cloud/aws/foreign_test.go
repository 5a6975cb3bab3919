package aws

import (
	"fmt"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// foreignInstance is somebody else's: without our tags, though it is called like one of ours.
func (w *world) foreignInstance(t *testing.T, c *clients) string {
	t.Helper()
	out, err := c.ec2.RunInstances(t.Context(), &ec2.RunInstancesInput{
		MinCount: sdk.Int32(1), MaxCount: sdk.Int32(1), ImageId: sdk.String(fmt.Sprintf(ubuntu, "amd64")), InstanceType: types.InstanceTypeT3Micro,
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{ec2Tag("Name", "gofab r")}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return sdk.ToString(out.Instances[0].InstanceId)
}
