package aws

import (
	"context"
	"time"

	"github.com/gofab/gofab/internal/cloud"
)

// Open makes the run's queue, or finds the one with the name or URL, and returns its URL.
func (p *Provider) Open(ctx context.Context, run, name string, expires time.Time) (string, error) {
	c, err := p.clients(ctx)
	if err != nil {
		return "", err
	}
	return c.queues.Open(ctx, run, name, expires)
}

// Send puts one message on the run's queue.
func (p *Provider) Send(ctx context.Context, run string, body []byte) error {
	c, err := p.clients(ctx)
	if err != nil {
		return err
	}
	return c.queues.Send(ctx, run, body)
}

// Receive waits for a message and takes it off the queue.
func (p *Provider) Receive(ctx context.Context, run string) ([]byte, error) {
	c, err := p.clients(ctx)
	if err != nil {
		return nil, err
	}
	return c.queues.Receive(ctx, run)
}

// Upload stores a file in the bucket that was named, or the account's.
func (p *Provider) Upload(ctx context.Context, o cloud.Object) (cloud.Stored, error) {
	c, err := p.clients(ctx)
	if err != nil {
		return cloud.Stored{}, err
	}
	return c.buckets.Upload(ctx, o)
}
