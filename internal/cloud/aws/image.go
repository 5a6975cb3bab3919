package aws

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/aws/awserr"
)

// image finds out what an order boots from. The root device has to be named for its disk to be
// encrypted: of an AMI, EC2 is asked; what a parameter leads to is known by the parameter's name.
func (c *clients) image(ctx context.Context, spec cloud.LaunchSpec) (image, error) {
	switch {
	case spec.Image == "":
		return image{root: "/dev/sda1", user: cmp.Or(spec.User, "ubuntu")}, nil
	case strings.HasPrefix(spec.Image, "ami-"):
		return c.ami(ctx, spec)
	case strings.HasPrefix(spec.Image, "resolve:ssm:"):
		root := rootOf(spec.Image)
		if root == "" {
			return image{}, &Error{
				Err:    fmt.Errorf("image %q: what its root device is called cannot be told by the parameter's name, and its disk would not be encrypted", spec.Image),
				remedy: "name the AMI itself, ami-…:  aws ssm get-parameter --name PARAMETER",
			}
		}
		return image{id: spec.Image, root: root, user: cmp.Or(spec.User, guessUser(spec.Image))}, nil
	}
	return image{}, &Error{Err: fmt.Errorf("image %q is neither ami-… nor resolve:ssm:…", spec.Image), remedy: "name an AMI of the region, or a parameter such as resolve:ssm:/aws/service/…"}
}

// rootOf is the root device of the images to which a parameter leads, empty when its name does not
// say whose they are. Ubuntu's come first: there are parameters of Amazon's for images of Ubuntu.
func rootOf(parameter string) string {
	name := strings.ToLower(parameter)
	for _, guess := range []struct{ part, root string }{
		{"ubuntu", "/dev/sda1"},
		{"canonical", "/dev/sda1"},
		{"rhel", "/dev/sda1"},
		{"suse", "/dev/sda1"},
		{"rocky", "/dev/sda1"},
		{"debian", "/dev/xvda"},
		{"al2023", "/dev/xvda"},
		{"amazon", "/dev/xvda"},
	} {
		if strings.Contains(name, guess.part) {
			return guess.root
		}
	}
	return ""
}

func (c *clients) ami(ctx context.Context, spec cloud.LaunchSpec) (image, error) {
	ctx, cancel := awserr.Within(ctx, callLimit)
	defer cancel()
	out, err := c.ec2.DescribeImages(ctx, &ec2.DescribeImagesInput{ImageIds: []string{spec.Image}})
	if err != nil {
		return image{}, explain(ctx, "ec2:DescribeImages", err)
	}
	if len(out.Images) == 0 {
		return image{}, &Error{Err: fmt.Errorf("there is no image %s in %s", spec.Image, c.config.Region), remedy: "AMIs differ from region to region: name one of this region"}
	}
	found := out.Images[0]
	return image{
		id: spec.Image, root: cmp.Or(sdk.ToString(found.RootDeviceName), "/dev/sda1"),
		user: cmp.Or(spec.User, guessUser(sdk.ToString(found.Name))),
	}, nil
}
