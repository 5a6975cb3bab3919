package aws

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/aws/awserr"
	"github.com/gofab/gofab/internal/cloud/aws/userdata"
)

// Policy is the least that gofab's credentials must be allowed to do, as an IAM policy. Ending and
// changing is allowed only of what carries the run's tag.
//
//go:embed policy.json
var Policy []byte

// checkLimit bounds each thing that is looked at: the credentials, whatever the chain of the SDK
// asks for them, and then each call.
const checkLimit = 4 * time.Second

// Check sees whether there are a region and credentials, and whether EC2 accepts them. It makes
// one call, and that a dry run.
func (p *Provider) Check(ctx context.Context) error {
	ctx, cancel := awserr.Within(ctx, checkLimit)
	defer cancel()
	c, err := p.clients(ctx)
	if err != nil {
		return err
	}
	if _, err := c.config.Credentials.Retrieve(ctx); err != nil {
		return ours(awserr.NoCredentials(ctx, err))
	}
	return c.dry(ctx, "ec2:DescribeInstances", func() error {
		_, err := c.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{DryRun: sdk.Bool(true)}, hasty)
		return err
	})
}

// hasty leaves patience to calls that have something to lose.
func hasty(o *ec2.Options) { o.RetryMaxAttempts = 2 }

// dry makes a call that is a dry run: what AWS answers to one that it would have carried out is an
// error, too.
func (c *clients) dry(ctx context.Context, action string, call func() error) error {
	err := call()
	if code(err) == "DryRunOperation" {
		return nil
	}
	return explain(ctx, action, err)
}

// CheckAll looks at all that a play needs, and tells of each thing, in this order, within seconds.
// It makes nothing. What can be done to machines that are there already it cannot know: that
// depends on their tags.
func (p *Provider) CheckAll(ctx context.Context, tell func(what string, err error)) {
	if err := p.Check(ctx); err != nil {
		tell("region and credentials", err)
		return
	}
	c, err := p.clients(ctx)
	if err != nil {
		tell("region and credentials", err)
		return
	}
	tell("region "+p.region+", credentials, ec2:DescribeInstances", nil)
	var told []chan finding
	for _, look := range []func(context.Context) finding{
		c.lookWhoami,
		func(ctx context.Context) finding {
			return finding{"ec2:RunInstances, of " + defaultTypes[0], p.dryLaunch(ctx, c)}
		},
		c.lookGroup,
		func(ctx context.Context) finding { return finding{"ec2:DescribeSecurityGroups", second(c.groups(ctx))} },
		func(ctx context.Context) finding { return finding{"sqs:ListQueues", second(c.queues.Runs(ctx))} },
	} {
		one := make(chan finding)
		told = append(told, one)
		go func() {
			ctx, cancel := awserr.Within(ctx, checkLimit)
			defer cancel()
			one <- look(ctx)
		}()
	}
	for _, one := range told {
		if f := <-one; f.what != "" {
			tell(f.what, f.err)
		}
	}
}

// finding is what a look at one thing has shown; empty: nothing to tell.
type finding struct {
	what string
	err  error
}

func second[T any](_ T, err error) error { return err }

// lookWhoami finds nothing when it fails: who we are is not needed, and some endpoints do not say it.
func (c *clients) lookWhoami(ctx context.Context) finding {
	account, arn, err := c.whoami(ctx)
	if err != nil {
		return finding{}
	}
	return finding{what: fmt.Sprintf("account %s, as %s", account, arn)}
}

func (c *clients) lookGroup(ctx context.Context) finding {
	const action = "ec2:CreateSecurityGroup"
	return finding{action, c.dry(ctx, action, func() error {
		in := groupInput("check", time.Now())
		in.DryRun = sdk.Bool(true)
		_, err := c.ec2.CreateSecurityGroup(ctx, in)
		return err
	})}
}

// dryLaunch tries an order like those of a play.
func (p *Provider) dryLaunch(ctx context.Context, c *clients) error {
	key, err := userdata.NewHostKey()
	if err != nil {
		return err
	}
	l := &launch{p: p, c: c, spec: cloud.LaunchSpec{Run: "check", Count: 1, TTL: time.Hour, UserKey: key.Public}}
	l.req = request{spec: l.spec, hostKey: key}
	if l.req.image, err = c.image(ctx, l.spec); err != nil {
		return err
	}
	return l.try(ctx)
}

// accountID is the account's number: as the credentials or the run's machines have it, else AWS is
// asked.
func (c *clients) accountID(ctx context.Context) (string, error) {
	if creds, err := c.config.Credentials.Retrieve(ctx); err == nil && creds.AccountID != "" {
		return creds.AccountID, nil
	}
	if seen := c.account.Load(); seen != nil && *seen != "" {
		return *seen, nil
	}
	account, _, err := c.whoami(ctx)
	return account, err
}

// whoami is the account and the identity of the credentials.
func (c *clients) whoami(ctx context.Context) (account, arn string, err error) {
	ctx, cancel := awserr.Within(ctx, callLimit)
	defer cancel()
	out, err := c.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", "", explain(ctx, "sts:GetCallerIdentity", err)
	}
	return sdk.ToString(out.Account), sdk.ToString(out.Arn), nil
}
