package queue

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/aws/tag"
)

const pageSize = 1000 // SQS pages only when it is asked to, and allows no more

// Delete deletes the run's own queue, with what is on it. SQS's word is the proof: it may go on
// showing the queue for a minute, which nobody should have to wait for. No queue is success. A queue that was named at Open is left as it is, and so is one
// that bears the run's name but not its tag: that is an error.
func (q *Queues) Delete(ctx context.Context, run string) error {
	m, err := q.own(ctx, run)
	if err != nil {
		return fmt.Errorf("delete the queue: %w", err)
	}
	defer q.forget(run)
	if m == nil {
		return nil
	}
	tags, err := q.client.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: &m.url})
	switch {
	case missing(err):
		return nil
	case err != nil:
		return fmt.Errorf("delete the queue: %w", explain(ctx, "sqs:ListQueueTags", m.url, err))
	case tags.Tags[tag.Run] != run:
		return fmt.Errorf("delete the queue: %s is not ours: it has no tag %s=%s; if it is of no use, delete it yourself", m.url, tag.Run, run)
	}
	if _, err := q.client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &m.url}); err != nil && !missing(err) {
		return fmt.Errorf("delete the queue: %w", explain(ctx, "sqs:DeleteQueue", m.url, err))
	}
	return nil
}

// Runs lists the runs that have a queue of their own, whoever has launched them.
func (q *Queues) Runs(ctx context.Context) ([]cloud.Trace, error) {
	var traces []cloud.Trace
	pages := sqs.NewListQueuesPaginator(q.client, &sqs.ListQueuesInput{QueueNamePrefix: aws.String(prefix), MaxResults: aws.Int32(pageSize)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return traces, fmt.Errorf("list the queues: %w", explain(ctx, "sqs:ListQueues", prefix+"*", err))
		}
		for _, url := range page.QueueUrls {
			out, err := q.client.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: &url})
			if missing(err) {
				continue // deleted since it was listed
			}
			if err != nil {
				return traces, fmt.Errorf("list the queues: %w", explain(ctx, "sqs:ListQueueTags", url, err))
			}
			if run := out.Tags[tag.Run]; run != "" {
				traces = append(traces, cloud.Trace{Run: run, Owner: out.Tags[tag.Owner], Expires: tag.ParseTime(out.Tags[tag.Expires])})
			}
		}
	}
	return traces, nil
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}
