// Package bucket keeps files in S3, or in what speaks its protocol.
//
// An object is stored with the SHA-256 of its file in its metadata, so that a file that is there
// already is recognised on any server and anybody can check what he has fetched. What goes over
// the network is checked against that sum while it is read, and by S3 on arrival.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"github.com/gofab/gofab/internal/cloud"
)

const (
	partSize     = 8 << 20 // a file of this size or more goes in parts
	partsAtOnce  = 4       // of one file
	memory       = 128 << 20
	maxParts     = 10_000 // S3's limit
	maxKey       = 1024   // bytes, S3's limit
	attempts     = 6      // of each request; S3 asks to slow down when it has to grow
	sumKey       = "sha256"
	prefix       = "gofab-" // of the buckets that we name
	smallestLoad = 8 << 20  // so that at most memory/smallestLoad = 16 files are under way
)

// Buckets are the buckets of an account in a region. It implements cloud.Bucket, and is safe for
// concurrent use.
type Buckets struct {
	client   *s3.Client
	transfer *transfermanager.Client
	region   string
	custom   bool // an endpoint that is not AWS's own
	account  func(context.Context) (string, error)
	renew    func() // forgets the credentials

	load   *semaphore.Weighted // bytes of memory, over all uploads
	making singleflight.Group  // of buckets

	mu sync.Mutex
	us string          // the account, once it is known
	ok map[string]bool // buckets that there are
}

// New returns the buckets of the configuration's region. With an endpoint of one's own
// (AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3), buckets are addressed by path: it is unlikely that
// BUCKET.HOST resolves. Account tells the number of the account; it is asked only for the name
// of the bucket that is used when none is named. Credentials that have expired are asked for again
// if the configuration keeps them in an aws.CredentialsCache.
func New(cfg aws.Config, account func(context.Context) (string, error)) *Buckets {
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = o.BaseEndpoint != nil
		if cfg.RetryMaxAttempts == 0 {
			o.RetryMaxAttempts = attempts
		}
	})
	renew := func() {}
	if cache, ok := cfg.Credentials.(*aws.CredentialsCache); ok {
		renew = cache.Invalidate
	}
	return &Buckets{
		renew: renew, client: client, region: cfg.Region, custom: client.Options().BaseEndpoint != nil, account: account,
		transfer: transfer(client), load: semaphore.NewWeighted(memory), ok: map[string]bool{},
	}
}

// place is where an object goes.
type place struct {
	bucket, key string
	owner       *string // the account that must own the bucket; nil: whoever does
}

// String is the object's URL, as a person and the AWS CLI have it.
func (p place) String() string { return "s3://" + p.bucket + "/" + p.key }

// place decides where an object goes. A bucket that was named is the user's, and so are its keys.
// The one without a name is shared by all runs of the account, so each has a directory in it. Its
// name can be guessed, and anybody could have made it to get hold of our files: so it must be
// the account's own.
func (b *Buckets) place(ctx context.Context, o cloud.Object) (place, error) {
	if err := o.CheckKey(); err != nil {
		return place{}, err
	}
	p := place{bucket: o.Bucket, key: o.Key}
	if o.Bucket == "" {
		account, err := b.accountID(ctx)
		if err != nil {
			return place{}, fmt.Errorf("upload %s: no bucket is named, and the name of the default one needs the account: %w", o.File, err)
		}
		p = place{bucket: prefix + account + "-" + b.region, key: o.Run + "/" + o.Key}
		if !b.custom {
			p.owner = &account
		}
	}
	if len(p.key) > maxKey {
		return place{}, fmt.Errorf("upload %s: a key of %d bytes is longer than %d", o.File, len(p.key), maxKey)
	}
	return p, nil
}

// accountID is the number of our account.
func (b *Buckets) accountID(ctx context.Context) (string, error) {
	b.mu.Lock()
	us := b.us
	b.mu.Unlock()
	if us != "" {
		return us, nil
	}
	us, err := b.account(ctx)
	if err == nil && us == "" {
		err = errors.New("it is not known")
	}
	if err == nil {
		b.mu.Lock()
		b.us = us
		b.mu.Unlock()
	}
	return us, err
}
