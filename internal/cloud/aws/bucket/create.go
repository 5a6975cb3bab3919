package bucket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// appearing is how long a new bucket may take to be seen.
const appearing = 30 * time.Second

// ensure makes the bucket unless it is there; it asks once in the life of this process. What it
// makes has S3's defaults: private and encrypted.
func (b *Buckets) ensure(ctx context.Context, p place) error {
	b.mu.Lock()
	ok := b.ok[p.bucket]
	b.mu.Unlock()
	if ok {
		return nil
	}
	_, err, _ := b.making.Do(p.bucket, func() (any, error) { return nil, b.make(ctx, p) })
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ok[p.bucket] = true
	return nil
}

func (b *Buckets) make(ctx context.Context, p place) error {
	head := &s3.HeadBucketInput{Bucket: &p.bucket, ExpectedBucketOwner: p.owner}
	_, err := b.client.HeadBucket(ctx, head)
	switch status(err) {
	case http.StatusNotFound:
	case http.StatusForbidden: // we may not look; whether we may write, the upload will tell
		return nil
	default:
		return b.explain(ctx, p, err)
	}
	in := &s3.CreateBucketInput{Bucket: &p.bucket}
	if b.region != "us-east-1" { // which is the one that must not be named
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(b.region)}
	}
	if _, err := b.client.CreateBucket(ctx, in); err != nil {
		// Somebody else of us was faster, or an earlier attempt whose answer was lost. Not every
		// server says so as S3 does; but of a bucket that is not ours, none shows anything.
		var ours *types.BucketAlreadyOwnedByYou
		if _, again := b.client.HeadBucket(ctx, head); again != nil && !errors.As(err, &ours) {
			return fmt.Errorf("make bucket %s: %w", p.bucket, b.explain(ctx, p, err))
		}
	}
	if err := s3.NewBucketExistsWaiter(b.client).Wait(ctx, head, appearing); err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil // if it cannot be seen even now, the upload says why
}
