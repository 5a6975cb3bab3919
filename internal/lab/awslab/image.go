package awslab

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// image is an AMI. Each region has the same ones under the same ids.
type image struct {
	id, arch, name, ssm string
	number              int
}

func (i image) order() int { return i.number }

// canonical owns Ubuntu's images.
const canonical = "099720109477"

// Images that exist. SampleImage is the id that AWS's own examples use.
const (
	ImageAMD64  = "ami-0a24040000000a64d"
	ImageARM64  = "ami-0a24040000000a64a"
	SampleImage = "ami-0abcdef1234567890"
)

var images = []image{
	{ImageAMD64, "x86_64", "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20251022", "amd64", 1},
	{ImageARM64, "arm64", "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server-20251022", "arm64", 2},
	{SampleImage, "x86_64", "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20250821", "", 3},
}

var (
	imageID  = regexp.MustCompile(`^ami-([0-9a-f]{8}|[0-9a-f]{17})$`)
	ssmImage = regexp.MustCompile(`^resolve:ssm:/aws/service/canonical/ubuntu/server/(?:24\.04|noble)/stable/(?:current|\d{8})/(amd64|arm64)/hvm/ebs-gp[23]/ami-id$`)
)

// findImage resolves what RunInstances accepts as ImageId: an id, or a public parameter of the
// Systems Manager.
func findImage(name string) (image, error) {
	if strings.HasPrefix(name, "resolve:ssm:") {
		m := ssmImage.FindStringSubmatch(name)
		if m == nil {
			return image{}, refuse("InvalidParameterValue", fmt.Sprintf("Value (%s) for parameter ImageId is invalid. The parameter could not be found. (Error code: ParameterNotFound)", name))
		}
		return images[slices.IndexFunc(images, func(i image) bool { return i.ssm == m[1] })], nil
	}
	if !imageID.MatchString(name) {
		return image{}, refuse("InvalidAMIID.Malformed", fmt.Sprintf("Invalid id: %q (expecting \"ami-...\")", name))
	}
	i := slices.IndexFunc(images, func(i image) bool { return i.id == name })
	if i < 0 {
		return image{}, refuse("InvalidAMIID.NotFound", fmt.Sprintf("The image id '[%s]' does not exist", name))
	}
	return images[i], nil
}

type imageItem struct {
	ID      string       `xml:"imageId"`
	Where   string       `xml:"imageLocation"`
	State   string       `xml:"imageState"`
	Owner   string       `xml:"imageOwnerId"`
	Created string       `xml:"creationDate"`
	Public  bool         `xml:"isPublic"`
	Arch    string       `xml:"architecture"`
	Type    string       `xml:"imageType"`
	Name    string       `xml:"name"`
	Root    string       `xml:"rootDeviceName"`
	RootIs  string       `xml:"rootDeviceType"`
	Virtual string       `xml:"virtualizationType"`
	Machine string       `xml:"hypervisor"`
	ENA     bool         `xml:"enaSupport"`
	Details string       `xml:"platformDetails"`
	Tags    set[tagItem] `xml:"tagSet"`
}

func describeImages(r *request) (any, error) {
	ids, owners := r.p.list("ImageId"), r.p.list("Owner")
	for _, id := range ids {
		if _, err := findImage(id); err != nil {
			return nil, err
		}
	}
	var found []image
	for _, i := range images {
		ok, err := r.matches(i.id, anyOf(map[string][]string{
			"image-id": {i.id}, "name": {i.name}, "architecture": {i.arch}, "owner-id": {canonical}, "state": {"available"}, "root-device-type": {"ebs"},
			"virtualization-type": {"hvm"}, "is-public": {"true"}, "image-type": {"machine"}, "hypervisor": {"xen"},
		}))
		if err != nil {
			return nil, err
		}
		if ok && (len(ids) == 0 || slices.Contains(ids, i.id)) && (len(owners) == 0 || slices.Contains(owners, canonical)) {
			found = append(found, i)
		}
	}
	found, next, err := page(r, found)
	var items []imageItem
	for _, i := range found {
		date := i.name[len(i.name)-8:]
		items = append(items, imageItem{
			ID: i.id, Where: "amazon/" + i.name, State: "available", Owner: canonical, Created: fmt.Sprintf("%s-%s-%sT00:00:00.000Z", date[:4], date[4:6], date[6:]), Public: true,
			Arch: i.arch, Type: "machine", Name: i.name, Root: rootDevice, RootIs: "ebs", Virtual: "hvm", Machine: "xen", ENA: true, Details: "Linux/UNIX", Tags: r.tagSet(i.id),
		})
	}
	return struct {
		Images set[imageItem] `xml:"imagesSet"`
		Next   string         `xml:"nextToken,omitempty"`
	}{set[imageItem]{items}, next}, err
}
