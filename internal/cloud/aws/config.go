package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"

	"github.com/gofab/gofab/internal/cloud/aws/body"
	"github.com/gofab/gofab/internal/cloud/aws/bucket"
	"github.com/gofab/gofab/internal/cloud/aws/queue"
)

// clients are the SDK's, all of one configuration.
type clients struct {
	pace
	config  sdk.Config
	ec2     *ec2.Client
	sts     *sts.Client
	queues  *queue.Queues
	buckets *bucket.Buckets
	account atomic.Pointer[string] // whose machines we have seen
}

// clients loads the SDK's own configuration when it is first asked for: environment, profile,
// AWS_ENDPOINT_URL. It calls nobody. What has failed is tried again when it is asked for again: the
// user may have set a region meanwhile.
func (p *Provider) clients(ctx context.Context) (*clients, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.loaded != nil {
		return p.loaded, nil
	}
	cfg, err := load(ctx, p.region)
	switch {
	case err != nil:
		return nil, &Error{Err: fmt.Errorf("the AWS configuration: %w", err), remedy: "see the files ~/.aws/config and ~/.aws/credentials, and AWS_PROFILE"}
	case cfg.Region == "":
		return nil, &Error{Err: errors.New("no AWS region is set"), remedy: "set AWS_REGION (for example to us-east-1), or region in your profile in ~/.aws/config"}
	}
	p.region = cfg.Region
	p.loaded = &clients{
		pace: p.pace, config: cfg, ec2: ec2.NewFromConfig(cfg), sts: sts.NewFromConfig(cfg),
		queues: queue.New(sqs.NewFromConfig(cfg), owner()),
	}
	p.loaded.buckets = bucket.New(cfg, p.loaded.accountID)
	return p.loaded, nil
}

// Attempts at one call. Throttling is answered with patience: a second more each time, and
// everything within callLimit.
const (
	mostAttempts = 8
	mostBackoff  = 5 * time.Second
)

func load(ctx context.Context, region string) (sdk.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(region), config.WithRetryer(newRetryer), config.WithLogger(logging.Nop{}))
	if err != nil {
		return cfg, err
	}
	creds := sdk.NewCredentialsCache(&freshly{provider: cfg.Credentials, region: region})
	cfg.Credentials = creds
	cfg.APIOptions = append(cfg.APIOptions, renewing(creds), body.Plain)
	return cfg, nil
}

// newRetryer is the SDK's standard one, but that lack of capacity, which EC2 reports as a server
// error, is not waited for: there may be another zone.
func newRetryer() sdk.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff = mostAttempts, mostBackoff
		o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(err error) sdk.Ternary {
			if slices.Contains(noCapacity, code(err)) {
				return sdk.FalseTernary
			}
			return sdk.UnknownTernary
		})}, o.Retryables...)
	})
}

// freshly gives credentials of the provider that was loaded first and, whenever it is asked again,
// of a configuration that is read anew: somebody may have logged in meanwhile.
type freshly struct {
	region string

	mu       sync.Mutex
	provider sdk.CredentialsProvider // nil after its first use
}

func (f *freshly) Retrieve(ctx context.Context) (sdk.Credentials, error) {
	f.mu.Lock()
	provider := f.provider
	f.provider = nil
	f.mu.Unlock()
	if provider == nil {
		cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(f.region), config.WithLogger(logging.Nop{}))
		if err != nil {
			return sdk.Credentials{}, err
		}
		provider = cfg.Credentials
	}
	return provider.Retrieve(ctx)
}

// renewing has a call whose credentials have expired made once more, with new ones. It begins
// before the signing, which the SDK does with the same credentials in every attempt. Calls of S3 are
// left to package bucket, which makes a whole upload once more: their streams may have been read.
func renewing(creds *sdk.CredentialsCache) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("gofab:renew", func(
			ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
		) (middleware.InitializeOutput, middleware.Metadata, error) {
			out, meta, err := next.HandleInitialize(ctx, in)
			if slices.Contains(expired, code(err)) && middleware.GetServiceID(ctx) != "S3" {
				creds.Invalidate()
				return next.HandleInitialize(ctx, in)
			}
			return out, meta, err
		}), middleware.Before)
	}
}
