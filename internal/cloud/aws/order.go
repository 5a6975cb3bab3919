package aws

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/aws/tag"
	"github.com/gofab/gofab/internal/cloud/aws/userdata"
)

// What is launched when the play does not say: a whole core each, with SHA instructions, or what
// comes nearest where that is not offered; and Canonical's current image.
var defaultTypes = []string{"c7a.medium", "c6i.large", "t3.micro"}

const ubuntu = "resolve:ssm:/aws/service/canonical/ubuntu/server/24.04/stable/current/%s/hvm/ebs-gp3/ami-id"

// graviton are the types with arm64 processors: a g after the generation's digit, as in c7gn.
var graviton = regexp.MustCompile(`^(a1|[a-z]+[0-9]+g[a-z]*|im4gn|is4gen)\.`)

func arch(instanceType string) string {
	if graviton.MatchString(instanceType) {
		return "arm64"
	}
	return "amd64"
}

// image is what machines boot from.
type image struct {
	id   string // ami-… or resolve:ssm:…; empty: Ubuntu's, by the type's architecture
	root string // the root device
	user string // the login name
}

func (i image) of(instanceType string) string {
	if i.id == "" {
		return fmt.Sprintf(ubuntu, arch(instanceType))
	}
	return i.id
}

// request is what all orders of one launch have in common.
type request struct {
	spec    cloud.LaunchSpec
	image   image
	group   string // of the run, or the one that was named; empty only in a trial
	hostKey userdata.HostKey
}

// input makes the call of an order. The same order of the same request is the same call to the
// letter: EC2 compares them when a token comes again.
func (r request) input(o order) (*ec2.RunInstancesInput, error) {
	data, err := userdata.Render(userdata.Config{
		TTL: o.Expires.Sub(o.Time), HostKey: r.hostKey, UserKey: r.spec.UserKey, User: r.image.user,
	})
	if err != nil {
		return nil, err
	}
	in := &ec2.RunInstancesInput{
		ClientToken:                       sdk.String(o.Token),
		MinCount:                          sdk.Int32(int32(o.Min)),
		MaxCount:                          sdk.Int32(int32(o.Count)),
		ImageId:                           sdk.String(r.image.of(o.Type)),
		InstanceType:                      types.InstanceType(o.Type),
		InstanceInitiatedShutdownBehavior: types.ShutdownBehaviorTerminate,
		UserData:                          sdk.String(base64.StdEncoding.EncodeToString([]byte(data))),
		MetadataOptions: &types.InstanceMetadataOptionsRequest{
			HttpTokens: types.HttpTokensStateRequired, HttpEndpoint: types.InstanceMetadataEndpointStateEnabled,
		},
		BlockDeviceMappings: []types.BlockDeviceMapping{{DeviceName: sdk.String(r.image.root), Ebs: r.disk()}},
		TagSpecifications:   r.tags(o),
	}
	if o.Zone != "" {
		in.Placement = &types.Placement{AvailabilityZone: sdk.String(o.Zone)}
	}
	if r.spec.KeyPair != "" {
		in.KeyName = sdk.String(r.spec.KeyPair)
	}
	if r.spec.Spot {
		in.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{
			MarketType: types.MarketTypeSpot,
			SpotOptions: &types.SpotMarketOptions{
				SpotInstanceType: types.SpotInstanceTypeOneTime, InstanceInterruptionBehavior: types.InstanceInterruptionBehaviorTerminate,
			},
		}
	}
	if burstable.MatchString(o.Type) { // unlimited, the default of most, may cost more than the machine
		in.CreditSpecification = &types.CreditSpecificationRequest{CpuCredits: sdk.String("standard")}
	}
	r.connect(in)
	return in, nil
}

var burstable = regexp.MustCompile(`^t[2-9]`) // t1 knows no credits

func (r request) disk() *types.EbsBlockDevice {
	disk := &types.EbsBlockDevice{Encrypted: sdk.Bool(true), DeleteOnTermination: sdk.Bool(true), VolumeType: types.VolumeTypeGp3}
	if r.spec.Volume > 0 {
		disk.VolumeSize = sdk.Int32(int32(r.spec.Volume))
	}
	return disk
}

// connect puts the machines into the network. Whether they get a public address would be the
// subnet's decision, the default one's, too, if it were not said; EC2 lets it be said only in an
// interface's own terms, which the groups and the subnet then have to be part of. Without a subnet,
// EC2 takes a default one.
func (r request) connect(in *ec2.RunInstancesInput) {
	nic := types.InstanceNetworkInterfaceSpecification{
		DeviceIndex: sdk.Int32(0), AssociatePublicIpAddress: sdk.Bool(!r.spec.PrivateIP), DeleteOnTermination: sdk.Bool(true),
	}
	if r.group != "" {
		nic.Groups = []string{r.group}
	}
	if r.spec.Subnet != "" {
		nic.SubnetId = sdk.String(r.spec.Subnet)
	}
	in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{nic}
}

// tags are put on everything that RunInstances makes, by RunInstances itself: tags that come in a
// second call are lost when that one fails.
func (r request) tags(o order) []types.TagSpecification {
	common := commonTags(r.spec.Run, o.Expires)
	machine := append(commonTags(r.spec.Run, o.Expires),
		ec2Tag(tag.First, strconv.Itoa(o.First)), ec2Tag(tag.HostKey, r.hostKey.Public), ec2Tag(tag.User, r.image.user))
	if r.spec.PrivateIP {
		machine = append(machine, ec2Tag(tag.Private, "true"))
	}
	if r.spec.Hourly > 0 {
		machine = append(machine, ec2Tag(tag.Price, strconv.FormatFloat(r.spec.Hourly, 'g', -1, 64)))
	}
	specs := []types.TagSpecification{
		{ResourceType: types.ResourceTypeInstance, Tags: machine},
		{ResourceType: types.ResourceTypeVolume, Tags: common},
		{ResourceType: types.ResourceTypeNetworkInterface, Tags: common},
	}
	if r.spec.Spot {
		specs = append(specs, types.TagSpecification{ResourceType: types.ResourceTypeSpotInstancesRequest, Tags: common})
	}
	return specs
}

func commonTags(run string, expires time.Time) []types.Tag {
	return []types.Tag{
		ec2Tag("Name", "gofab "+run), ec2Tag(tag.Run, run), ec2Tag(tag.Owner, owner()),
		ec2Tag(tag.Expires, tag.Time(expires)),
	}
}

func ec2Tag(key, value string) types.Tag {
	return types.Tag{Key: sdk.String(key), Value: sdk.String(tagSafe(value))}
}

// guessUser is the login name that images of this name have.
func guessUser(imageName string) string {
	name := strings.ToLower(imageName)
	for _, guess := range []struct{ part, user string }{
		{"ubuntu", "ubuntu"},
		{"debian", "admin"},
		{"amzn", "ec2-user"},
		{"al2023", "ec2-user"},
		{"amazon", "ec2-user"},
		{"fedora", "fedora"},
		{"rocky", "rocky"},
		{"alma", "ec2-user"},
		{"rhel", "ec2-user"},
		{"suse", "ec2-user"},
	} {
		if strings.Contains(name, guess.part) {
			return guess.user
		}
	}
	return "ec2-user"
}
