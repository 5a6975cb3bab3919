package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// explain puts into words what a person can do something about. Errors are told apart by type:
// their codes differ between SQS's two protocols, and between endpoints.
func explain(action, queue string, err error) error {
	var api smithy.APIError
	switch {
	case missing(err):
		return fmt.Errorf("there is no queue %s in this region and account: %w", queue, err)
	case errors.As(err, &api) && strings.HasPrefix(api.ErrorCode(), "AccessDenied"):
		return fmt.Errorf("these credentials may not do %s on %s: %w", action, queue, err)
	}
	return fmt.Errorf("queue %s: %w", queue, err)
}

// explainCreate says why a queue cannot be made.
func (q *Queues) explainCreate(ctx context.Context, name string, err error) error {
	var recent *types.QueueDeletedRecently
	var exists *types.QueueNameExists
	switch {
	case errors.As(err, &recent):
		return fmt.Errorf("queue %s was deleted less than 60 seconds ago; the queue of a run is made once: start a new run: %w", name, err)
	case errors.As(err, &exists):
		return fmt.Errorf("queue %s exists and is another one: %s: %w", name, q.difference(ctx, name), err)
	}
	return explain("sqs:CreateQueue", name, err)
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
