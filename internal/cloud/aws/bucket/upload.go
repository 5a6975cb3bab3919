package bucket

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/aws/awserr"
)

// aborting is how long it may take to give up an upload in parts after a failure or a cancel:
// parts that stay behind are billed and not seen.
const aborting = 15 * time.Second

func transfer(client *s3.Client) *transfermanager.Client {
	return transfermanager.New(client, func(o *transfermanager.Options) {
		o.PartSizeBytes, o.MultipartUploadThreshold, o.Concurrency = partSize, partSize, partsAtOnce
		o.FailTimeout = aborting
		o.RequestChecksumCalculation = client.Options().RequestChecksumCalculation
		if o.RequestChecksumCalculation != aws.RequestChecksumCalculationWhenRequired {
			o.ChecksumAlgorithm = types.ChecksumAlgorithmSha256
		}
	})
}

// Upload stores a file, or finds that it is there. An object appears whole or not at all.
// Uploads are bounded, all together, in number and in memory.
func (b *Buckets) Upload(ctx context.Context, o cloud.Object) (cloud.Stored, error) {
	p, err := b.place(ctx, o)
	if err != nil {
		return cloud.Stored{}, err
	}
	f, err := open(o.File)
	if err != nil {
		return cloud.Stored{}, err
	}
	defer f.Close()
	weight := f.weight()
	if err := b.load.Acquire(ctx, weight); err != nil {
		return cloud.Stored{}, context.Cause(ctx)
	}
	defer b.load.Release(weight)
	if err := f.measure(ctx); err != nil {
		return cloud.Stored{}, err
	}
	stored, err := b.attempt(ctx, p, f, o)
	if expired(err) && ctx.Err() == nil {
		b.renew()
		stored, err = b.attempt(ctx, p, f, o)
	}
	if err != nil {
		return cloud.Stored{}, b.ended(ctx, err)
	}
	return stored, nil
}

// attempt is all that an upload asks of S3. It reads the file from its beginning, and can be made again.
func (b *Buckets) attempt(ctx context.Context, p place, f *file, o cloud.Object) (cloud.Stored, error) {
	if o.Create {
		if err := b.ensure(ctx, p); err != nil {
			return cloud.Stored{}, err
		}
	}
	if b.has(ctx, p, f) {
		return cloud.Stored{Place: p.String(), Unchanged: true}, nil
	}
	if err := b.send(ctx, p, f, o.Sent); err != nil {
		return cloud.Stored{}, fmt.Errorf("to %s: %w", p, err)
	}
	return cloud.Stored{Place: p.String()}, nil
}

// expired tells whether newer credentials may help.
func expired(err error) bool { return awserr.Is(err, awserr.Expired) || awserr.Code(err) == blank }

// ended puts the cause of a cancel in the place of what it did to a request.
func (b *Buckets) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// has reports whether the object is there with the file's content. It only saves work: whoever
// may write but not read, or is told that there is trouble, uploads and hears of it there.
func (b *Buckets) has(ctx context.Context, p place, f *file) bool {
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &p.bucket, Key: &p.key, ExpectedBucketOwner: p.owner})
	return err == nil && aws.ToInt64(out.ContentLength) == f.size && out.Metadata[sumKey] == hex.EncodeToString(f.sum)
}

func (b *Buckets) send(ctx context.Context, p place, f *file, sent func(int64)) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	in := &transfermanager.UploadObjectInput{
		Bucket: &p.bucket, Key: &p.key, ExpectedBucketOwner: p.owner,
		Body: f.verified(), ContentLength: &f.size, ContentType: aws.String(f.contentType),
		Metadata: map[string]string{sumKey: hex.EncodeToString(f.sum)},
	}
	// The sum that S3 shall find. Of an object in parts it knows only those of the parts, which
	// the SDK adds.
	if f.size < partSize && b.client.Options().RequestChecksumCalculation != aws.RequestChecksumCalculationWhenRequired {
		in.ChecksumSHA256 = aws.String(base64.StdEncoding.EncodeToString(f.sum))
	}
	_, err := b.transfer.UploadObject(ctx, in, func(o *transfermanager.Options) {
		if sent != nil {
			o.ObjectProgressListeners.Register(listener(sent))
		}
	})
	if err != nil {
		return b.explain(ctx, p, err)
	}
	return nil
}

// listener hears of the bytes that have arrived.
type listener func(int64)

// OnObjectBytesTransferred implements transfermanager.ObjectBytesTransferredListener.
func (l listener) OnObjectBytesTransferred(_ context.Context, e *transfermanager.ObjectBytesTransferredEvent) {
	l(e.BytesTransferred)
}

// open opens a regular file.
func open(name string) (*file, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", name)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &file{File: f, size: info.Size()}, nil
}
