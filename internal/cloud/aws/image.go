package aws

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/gofab/gofab/internal/cloud"
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
		img := image{id: spec.Image, root: "/dev/xvda", user: cmp.Or(spec.User, guessUser(spec.Image))}
		if strings.Contains(spec.Image, "ubuntu") || strings.Contains(spec.Image, "canonical") {
			img.root = "/dev/sda1"
		}
		return img, nil
	}
	return image{}, &Error{Err: fmt.Errorf("image %q is neither ami-… nor resolve:ssm:…", spec.Image), remedy: "name an AMI of the region, or a parameter such as resolve:ssm:/aws/service/…"}
}

func (c *clients) ami(ctx context.Context, spec cloud.LaunchSpec) (image, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
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
