package queue

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/gofab/gofab/internal/cloud/aws/awserr"
)

// explain puts into words what a person can do something about. That a queue is missing is told by
// the error's type: its code differs between SQS's two protocols, and between endpoints.
func explain(ctx context.Context, action, queue string, err error) error {
	name := path.Base(queue) // of a URL, too
	switch {
	case missing(err):
		return awserr.New(err, "see queue: and the region; without queue:, one is made for the run", "there is no queue %s in this region and account", queue)
	case awserr.Is(err, awserr.Denied) && !strings.HasPrefix(name, prefix):
		return awserr.New(err, awserr.OwnNameHint, "these credentials may not do %s on the queue %s (%s)", action, name, awserr.Code(err))
	}
	return fmt.Errorf("queue %s: %w", queue, awserr.Explain(ctx, action, err))
}

// explainCreate says why a queue cannot be made.
func (q *Queues) explainCreate(ctx context.Context, name string, err error) error {
	var recent *types.QueueDeletedRecently
	var exists *types.QueueNameExists
	switch {
	case errors.As(err, &recent):
		return awserr.New(err, "the queue of a run is made once: start a new run", "queue %s was deleted less than 60 seconds ago", name)
	case errors.As(err, &exists):
		return awserr.New(err, "delete it if it is of no use, or name a queue:", "queue %s exists and is another one: %s", name, q.difference(ctx, name))
	}
	return explain(ctx, "sqs:CreateQueue", name, err)
}

// difference says in which attributes the queue is not as we make it.
func (q *Queues) difference(ctx context.Context, name string) string {
	const unknown = "its attributes differ"
	url, err := q.client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		return unknown
	}
	out, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: url.QueueUrl, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		return unknown
	}
	var all []string
	for name, want := range attributes {
		if got := out.Attributes[name]; got != want {
			all = append(all, fmt.Sprintf("%s is %q, not %q", name, got, want))
		}
	}
	if len(all) == 0 {
		return unknown
	}
	return strings.Join(sorted(all), ", ")
}
