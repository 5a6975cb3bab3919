// Package queue is a run's mailbox on SQS.
//
// The queue is named after the run, so that it can be found and deleted with nothing but the
// run's name, and is never shared and never made twice: SQS refuses a name for 60 seconds after
// its queue was deleted. Tags say whose it is, and a queue without them is left alone. SQS
// delivers at least once and in any order; what this package adds is that one process gets each
// message once.
package queue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/gofab/gofab/internal/cloud/aws/tag"
)

const (
	prefix = "gofab-"

	// lifetime is what the tag of a queue says when it is not known how long the machines live.
	lifetime = 24 * time.Hour
)

// attributes of a queue that we make. A message that was received but not deleted, because the
// answer was lost, comes again after VisibilityTimeout: longer than we wait for an answer
// (patience), or a slow answer and a second delivery would overlap.
var attributes = map[string]string{
	string(types.QueueAttributeNameMessageRetentionPeriod):        "345600", // four days, in seconds
	string(types.QueueAttributeNameReceiveMessageWaitTimeSeconds): "20",
	string(types.QueueAttributeNameVisibilityTimeout):             "60",
	string(types.QueueAttributeNameSqsManagedSseEnabled):          "true",
}

// Queues are the queues of runs, by the run's name. It implements cloud.Queue, and is safe for
// concurrent use.
type Queues struct {
	client *sqs.Client
	owner  string

	mu    sync.Mutex
	known map[string]*mailbox
}

// mailbox is the queue of a run, as far as this process knows it.
type mailbox struct {
	url   string
	named bool // somebody else's, which outlives the run
	fifo  bool

	answers chan answer
	left    chan struct{} // holds one when the last who waited has gone

	mu      sync.Mutex
	seen    map[string]bool // what was delivered, by its identity
	waiting int             // calls of Receive
	asking  bool            // there is a goroutine that polls
	stop    func()          // ends it

	closed chan struct{} // closed when this process is done with the queue
}

// New returns the queues of the client's region. Owner is for people, in a tag.
func New(client *sqs.Client, owner string) *Queues {
	return &Queues{client: client, owner: owner, known: map[string]*mailbox{}}
}

// Open makes the run's queue, or finds the one with the name, which may also be a queue's URL,
// and returns its URL. To open it again is harmless. A tag tells sweepers when it expires.
func (q *Queues) Open(ctx context.Context, run, name string, expires time.Time) (string, error) {
	if name != "" {
		return q.openNamed(ctx, run, name)
	}
	name, err := nameOf(run)
	if err != nil {
		return "", err
	}
	if m := q.remembered(run); m != nil && !m.named {
		return m.url, nil
	}
	if expires.IsZero() {
		expires = time.Now().Add(lifetime)
	}
	out, err := q.client.CreateQueue(ctx, &sqs.CreateQueueInput{
		QueueName:  &name,
		Attributes: maps.Clone(attributes),
		Tags:       map[string]string{tag.Run: run, tag.Owner: q.owner, tag.Expires: tag.Time(expires)},
	})
	if err != nil {
		return "", q.explainCreate(ctx, name, err)
	}
	return q.remember(run, &mailbox{url: *out.QueueUrl}).url, nil
}

func (q *Queues) openNamed(ctx context.Context, run, name string) (string, error) {
	url := name
	if strings.Contains(name, "://") {
		// A URL is not proof: ask for something that every queue has.
		_, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
			QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn},
		})
		if err != nil {
			return "", explain(ctx, "sqs:GetQueueAttributes", name, err)
		}
	} else {
		out, err := q.client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
		if err != nil {
			return "", explain(ctx, "sqs:GetQueueUrl", name, err)
		}
		url = *out.QueueUrl
	}
	return q.remember(run, &mailbox{url: url, named: true, fifo: strings.HasSuffix(url, ".fifo")}).url, nil
}

// own finds the run's own queue; nil: there is none. Whether it really is ours, its tags say.
func (q *Queues) own(ctx context.Context, run string) (*mailbox, error) {
	if m := q.remembered(run); m != nil && !m.named {
		return m, nil
	}
	name, err := nameOf(run)
	if err != nil {
		return nil, err
	}
	out, err := q.client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	switch {
	case missing(err):
		return nil, nil
	case err != nil:
		return nil, explain(ctx, "sqs:GetQueueUrl", name, err)
	}
	return &mailbox{url: *out.QueueUrl}, nil
}

// mailbox is where the run's messages go: the named queue that this process has opened, or the
// run's own, whoever has made it.
func (q *Queues) mailbox(ctx context.Context, run string) (*mailbox, error) {
	if m := q.remembered(run); m != nil {
		return m, nil
	}
	m, err := q.own(ctx, run)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, fmt.Errorf("run %s has no queue, or it was deleted", run)
	}
	return q.remember(run, m), nil
}

func (q *Queues) remembered(run string) *mailbox {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.known[run]
}

// remember keeps m for the run, unless the same queue is known already: what it has delivered
// must not be forgotten.
func (q *Queues) remember(run string, m *mailbox) *mailbox {
	q.mu.Lock()
	defer q.mu.Unlock()
	old := q.known[run]
	if old != nil && old.url == m.url {
		return old
	}
	m.seen, m.answers, m.stop, m.closed = map[string]bool{}, make(chan answer), func() {}, make(chan struct{})
	m.left = make(chan struct{}, 1)
	if old != nil {
		old.end()
	}
	q.known[run] = m
	return m
}

func (q *Queues) forget(run string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if m := q.known[run]; m != nil {
		m.end()
	}
	delete(q.known, run)
}

// end stops the asking, and whoever waits. A mailbox ends once: when it is not known any more.
func (m *mailbox) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.closed)
	m.stop()
}

var nameShape = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// nameOf is the name of a run's queue. A run's name that SQS cannot take is refused, never bent:
// two runs must not meet in one queue.
func nameOf(run string) (string, error) {
	if name := prefix + run; run != "" && nameShape.MatchString(name) {
		return name, nil
	}
	return "", fmt.Errorf("run %q cannot name a queue: SQS takes letters, digits, _ and -, at most %d of them", run, 80-len(prefix))
}

// missing recognises that there is no such queue.
func missing(err error) bool {
	var gone *types.QueueDoesNotExist
	return errors.As(err, &gone)
}

// text is a string of the SDK's, "" where there is none.
func text(s *string) string { return aws.ToString(s) }
