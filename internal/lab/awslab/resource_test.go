package awslab

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"golang.org/x/crypto/ssh"
)

func TestKeyPairs(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.ec2("us-east-1")
	specs := []types.TagSpecification{{ResourceType: "key-pair", Tags: []types.Tag{{Key: aws.String("run"), Value: aws.String("r1")}}}}
	for _, kind := range []types.KeyType{"ed25519", "rsa"} {
		out, err := c.CreateKeyPair(t.Context(), &awsec2.CreateKeyPairInput{KeyName: aws.String(string(kind)), KeyType: kind, TagSpecifications: specs})
		must(t, err)
		if _, err := ssh.ParsePrivateKey([]byte(*out.KeyMaterial)); err != nil || *out.Tags[0].Value != "r1" || !strings.HasPrefix(*out.KeyPairId, "key-") {
			t.Errorf("created %+v: %v", out, err)
		}
	}
	mine, _ := pair(t)
	_, err := c.ImportKeyPair(t.Context(), &awsec2.ImportKeyPairInput{KeyName: aws.String("mine"), PublicKeyMaterial: []byte(line(mine) + " me@here")})
	must(t, err)
	out, err := c.DescribeKeyPairs(t.Context(), &awsec2.DescribeKeyPairsInput{KeyNames: []string{"mine"}, IncludePublicKey: aws.Bool(true)})
	must(t, err)
	if k := out.KeyPairs; len(k) != 1 || *k[0].PublicKey != line(mine)+" mine" || k[0].KeyType != "ed25519" || strings.TrimRight(*k[0].KeyFingerprint, "=") != strings.TrimPrefix(ssh.FingerprintSHA256(mine.PublicKey()), "SHA256:") {
		t.Errorf("imported: %+v", k)
	}
	out, err = c.DescribeKeyPairs(t.Context(), &awsec2.DescribeKeyPairsInput{Filters: []types.Filter{{Name: aws.String("tag:run"), Values: []string{"r1"}}}})
	must(t, err)
	if len(out.KeyPairs) != 2 || out.KeyPairs[0].PublicKey != nil {
		t.Errorf("by tag: %+v", out.KeyPairs)
	}
	_, err = c.ImportKeyPair(t.Context(), &awsec2.ImportKeyPairInput{KeyName: aws.String("mine"), PublicKeyMaterial: []byte(line(mine))})
	want(t, err, "InvalidKeyPair.Duplicate")
	_, err = c.ImportKeyPair(t.Context(), &awsec2.ImportKeyPairInput{KeyName: aws.String("bad"), PublicKeyMaterial: []byte("bad")})
	want(t, err, "InvalidKey.Format")
	for range 2 { // it is no error if there is none
		_, err = c.DeleteKeyPair(t.Context(), &awsec2.DeleteKeyPairInput{KeyName: aws.String("mine")})
		must(t, err)
	}
	_, err = c.DescribeKeyPairs(t.Context(), &awsec2.DescribeKeyPairsInput{KeyNames: []string{"mine"}})
	want(t, err, "InvalidKeyPair.NotFound")
}

func TestTags(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.ec2("us-east-1")
	id := run(t, c, order(1))[0]
	group := makeGroup(t, c, "g") // with the tag run
	tag := func(id, key, value string) error {
		_, err := c.CreateTags(t.Context(), &awsec2.CreateTagsInput{Resources: []string{id}, Tags: []types.Tag{{Key: &key, Value: &value}}})
		return err
	}
	list := func(filter string, values ...string) (all []string) {
		out, err := c.DescribeTags(t.Context(), &awsec2.DescribeTagsInput{Filters: []types.Filter{{Name: &filter, Values: values}}})
		must(t, err)
		for _, tag := range out.Tags {
			all = append(all, string(tag.ResourceType)+" "+*tag.ResourceId+" "+*tag.Key+"="+*tag.Value)
		}
		return all
	}
	check := func(got []string, want ...string) {
		t.Helper()
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	must(t, tag(id, "run", "r1"))
	must(t, tag(id, "run", "r2"))
	must(t, tag(id, "owner", "me"))
	check(list("resource-type", "instance"), "instance "+id+" owner=me", "instance "+id+" run=r2")
	check(list("key", "run"), "instance "+id+" run=r2", "security-group "+group+" run=g")
	check(list("value", "me"), "instance "+id+" owner=me")
	_, err := c.DeleteTags(t.Context(), &awsec2.DeleteTagsInput{Resources: []string{id}, Tags: []types.Tag{{Key: aws.String("run"), Value: aws.String("other")}, {Key: aws.String("owner")}}})
	must(t, err)
	check(list("resource-id", id), "instance "+id+" run=r2")
	want(t, tag("i-0123456789abcdef0", "a", "b"), "InvalidInstanceID.NotFound")
	want(t, tag("sg-0", "a", "b"), "InvalidGroup.NotFound")
	want(t, tag(id, "aws:x", "b"), "InvalidParameterValue")
	want(t, tag(id, strings.Repeat("k", 129), "b"), "InvalidParameterValue")
	want(t, tag(id, "k", strings.Repeat("v", 257)), "InvalidParameterValue")
	in := order(1)
	in.TagSpecifications = []types.TagSpecification{{ResourceType: "instance", Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}, {Key: aws.String("a"), Value: aws.String("c")}}}}
	_, err = c.RunInstances(t.Context(), in)
	want(t, err, "InvalidParameterValue")
}

// What a launch tags is tagged when it is created: instance, volumes and network interfaces.
func TestTagSpecifications(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.ec2("us-east-1")
	in := order(2)
	for _, kind := range []types.ResourceType{"instance", "volume", "network-interface"} {
		in.TagSpecifications = append(in.TagSpecifications, types.TagSpecification{ResourceType: kind, Tags: []types.Tag{{Key: aws.String("run"), Value: aws.String("r1")}}})
	}
	run(t, c, in)
	out, err := c.DescribeTags(t.Context(), &awsec2.DescribeTagsInput{Filters: []types.Filter{{Name: aws.String("tag:run"), Values: []string{"r1"}}}})
	must(t, err)
	count := map[types.ResourceType]int{}
	for _, tag := range out.Tags {
		count[tag.ResourceType]++
	}
	if len(count) != 3 || count["instance"] != 2 || count["volume"] != 2 || count["network-interface"] != 2 {
		t.Errorf("tagged: %v", count)
	}
	if all := e.Instances(); all[0].Tags["run"] != "r1" {
		t.Errorf("instances: %+v", all)
	}
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.ec2("eu-west-1")
	vpcs, err := c.DescribeVpcs(t.Context(), nil)
	must(t, err)
	subnets, err := c.DescribeSubnets(t.Context(), &awsec2.DescribeSubnetsInput{Filters: []types.Filter{{Name: aws.String("default-for-az"), Values: []string{"true"}}}})
	must(t, err)
	zones, err := c.DescribeAvailabilityZones(t.Context(), nil)
	must(t, err)
	if len(vpcs.Vpcs) != 1 || !*vpcs.Vpcs[0].IsDefault || len(subnets.Subnets) != 3 || len(zones.AvailabilityZones) != 3 {
		t.Fatalf("%+v\n%+v\n%+v", vpcs.Vpcs, subnets.Subnets, zones.AvailabilityZones)
	}
	for i, name := range []string{"eu-west-1a", "eu-west-1b", "eu-west-1c"} {
		s, z := subnets.Subnets[i], zones.AvailabilityZones[i]
		if *s.AvailabilityZone != name || *s.VpcId != *vpcs.Vpcs[0].VpcId || !*s.MapPublicIpOnLaunch || *z.ZoneName != name || z.State != "available" || *z.RegionName != "eu-west-1" {
			t.Errorf("%+v\n%+v", s, z)
		}
	}
	if id := *zones.AvailabilityZones[1].ZoneId; id != "euw1-az2" {
		t.Errorf("zone id %s", id)
	}
	_, err = c.DescribeSubnets(t.Context(), &awsec2.DescribeSubnetsInput{SubnetIds: []string{"subnet-0"}})
	want(t, err, "InvalidSubnetID.NotFound")
	_, err = c.DescribeVpcs(t.Context(), &awsec2.DescribeVpcsInput{VpcIds: []string{"vpc-0"}})
	want(t, err, "InvalidVpcID.NotFound")
	regions, err := c.DescribeRegions(t.Context(), nil)
	must(t, err)
	if len(regions.Regions) != 17 {
		t.Errorf("%d regions", len(regions.Regions))
	}
	regions, err = c.DescribeRegions(t.Context(), &awsec2.DescribeRegionsInput{RegionNames: []string{"eu-west-1"}})
	must(t, err)
	if len(regions.Regions) != 1 || *regions.Regions[0].RegionName != "eu-west-1" {
		t.Errorf("regions: %+v", regions.Regions)
	}
}

func TestHardware(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.ec2("us-east-1")
	out, err := c.DescribeInstanceTypes(t.Context(), &awsec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{"c7g.xlarge"}})
	must(t, err)
	h := out.InstanceTypes[0]
	if len(out.InstanceTypes) != 1 || h.ProcessorInfo.SupportedArchitectures[0] != "arm64" || *h.VCpuInfo.DefaultVCpus != 4 || *h.VCpuInfo.DefaultThreadsPerCore != 1 || *h.MemoryInfo.SizeInMiB != 8192 || *h.ProcessorInfo.Manufacturer != "AWS" {
		t.Errorf("type: %+v", out.InstanceTypes)
	}
	_, err = c.DescribeInstanceTypes(t.Context(), &awsec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{"x9.huge"}})
	want(t, err, "InvalidInstanceType")
	arm, err := c.DescribeInstanceTypes(t.Context(), &awsec2.DescribeInstanceTypesInput{Filters: []types.Filter{{Name: aws.String("processor-info.supported-architecture"), Values: []string{"arm64"}}}})
	must(t, err)
	if len(arm.InstanceTypes) != 6 {
		t.Errorf("%d types of arm64", len(arm.InstanceTypes))
	}
	offered, err := c.DescribeInstanceTypeOfferings(t.Context(), &awsec2.DescribeInstanceTypeOfferingsInput{
		LocationType: "availability-zone", Filters: []types.Filter{{Name: aws.String("instance-type"), Values: []string{"t3.micro"}}},
	})
	must(t, err)
	if o := offered.InstanceTypeOfferings; len(o) != 3 || *o[2].Location != "us-east-1c" || o[0].InstanceType != "t3.micro" {
		t.Errorf("offerings: %+v", o)
	}
}

func TestImages(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.ec2("us-east-1")
	out, err := c.DescribeImages(t.Context(), &awsec2.DescribeImagesInput{Owners: []string{"099720109477"}, Filters: []types.Filter{
		{Name: aws.String("name"), Values: []string{"ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-*-server-*"}}, {Name: aws.String("architecture"), Values: []string{"arm64"}},
	}})
	must(t, err)
	if i := out.Images; len(i) != 1 || *i[0].ImageId != ImageARM64 || i[0].State != "available" || *i[0].RootDeviceName != "/dev/sda1" || *i[0].CreationDate != "2025-10-22T00:00:00.000Z" {
		t.Errorf("images: %+v", i)
	}
	_, err = c.DescribeImages(t.Context(), &awsec2.DescribeImagesInput{ImageIds: []string{"ami-0123456789abcdef0"}})
	want(t, err, "InvalidAMIID.NotFound")
}

func TestCallerIdentity(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := awssts.NewFromConfig(e.config("us-east-1"))
	out, err := c.GetCallerIdentity(t.Context(), nil)
	must(t, err)
	if *out.Account != Account || *out.Arn != "arn:aws:iam::123456789012:user/gofab" || *out.UserId == "" {
		t.Errorf("identity: %+v", out)
	}
	e.Fault(Fault{Action: "GetCallerIdentity", Code: "ExpiredToken", Message: "The security token included in the request is expired"})
	_, err = c.GetCallerIdentity(t.Context(), nil)
	want(t, err, "ExpiredToken")
	_, err = c.GetSessionToken(t.Context(), nil)
	want(t, err, "InvalidAction")
}
