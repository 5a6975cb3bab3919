package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	longPoll = 20 // seconds that SQS keeps a question open; it allows no more

	// patience is how long we wait for the answer to a long poll. Less than the visibility
	// timeout; more than the poll.
	patience = 40 * time.Second

	// pause is the least time between two polls that found nothing, so that an endpoint that does
	// not keep the question open is not asked without end.
	pause = time.Second

	// deleting is how long it may take to delete a received message, or to give it back.
	deleting = 5 * time.Second
)

// Receive waits for a message, takes it off the run's queue and returns it; when ctx ends, it
// returns at once. A message that SQS delivers twice, or that was sent twice because an answer
// was lost, is returned once. However many wait, there is one long poll at a time.
func (q *Queues) Receive(ctx context.Context, run string) ([]byte, error) {
	m, err := q.mailbox(ctx, run)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, fmt.Errorf("receive: %w", err)
	}
	q.wanted(m)
	select {
	case <-ctx.Done():
		m.unwanted()
		return nil, context.Cause(ctx)
	case <-m.closed:
		m.unwanted()
		return nil, fmt.Errorf("receive: the queue of run %s was closed", run)
	case a := <-m.answers:
		if missing(a.err) {
			q.forget(run)
		}
		if a.err != nil {
			return nil, fmt.Errorf("receive: %w", a.err)
		}
		q.take(ctx, m, a.message)
		return []byte(text(a.message.Body)), nil
	}
}

// answer is what came of a poll: a message not seen before, or an error.
type answer struct {
	message *types.Message
	err     error
}

// wanted counts somebody who waits, and sees to it that the queue is being asked.
func (q *Queues) wanted(m *mailbox) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting++
	if !m.asking {
		m.asking = true
		var ctx context.Context
		ctx, m.stop = context.WithCancel(context.Background())
		go q.ask(ctx, m)
	}
}

func (m *mailbox) unwanted() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting--
	if m.waiting == 0 {
		select {
		case m.left <- struct{}{}:
		default:
		}
	}
}

// wantedStill tells whether anybody waits.
func (m *mailbox) wantedStill() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.waiting > 0
}

// ask polls as long as somebody waits. A poll that has begun goes on when the last one has left: SQS
// does not notice that a reader has hung up, and would hand a message to nobody, and it would come
// again only after the visibility timeout. What such a poll finds is given back at once, so
// that others who read the queue get it. The goroutine ends by itself after a poll, or when the
// mailbox is forgotten.
func (q *Queues) ask(ctx context.Context, m *mailbox) {
	defer m.stop()
	for m.goOn(ctx) {
		asked := time.Now()
		message, err := q.poll(ctx, m)
		switch {
		case message == nil && err == nil:
			wait(ctx, time.Until(asked.Add(pause)))
		case err == nil && m.knows(identityOf(message)):
			q.take(ctx, m, message)
		default:
			q.offer(ctx, m, answer{message, err})
		}
	}
}

// offer hands an answer to somebody who waits. When nobody does any more, a message goes back.
func (q *Queues) offer(ctx context.Context, m *mailbox, a answer) {
	for m.wantedStill() {
		select {
		case m.answers <- a:
			if a.message != nil {
				m.learn(identityOf(a.message))
			}
			m.unwanted() // on behalf of who got it: nobody must be asking for him any more
			return
		case <-m.left: // the last one may have gone
		case <-ctx.Done():
			q.giveBack(ctx, m, a.message)
			return
		}
	}
	q.giveBack(ctx, m, a.message)
}

// giveBack makes a message that nobody here wants visible again. If that fails, it becomes so by
// itself after the visibility timeout.
func (q *Queues) giveBack(ctx context.Context, m *mailbox, message *types.Message) {
	if message == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleting)
	defer cancel()
	q.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &m.url, ReceiptHandle: message.ReceiptHandle, VisibilityTimeout: 0,
	})
}

// goOn decides whether there is another poll.
func (m *mailbox) goOn(ctx context.Context) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asking = m.waiting > 0 && ctx.Err() == nil
	return m.asking
}

// poll asks once for a message; nil: there was none.
func (q *Queues) poll(ctx context.Context, m *mailbox) (*types.Message, error) {
	attempt, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := q.client.ReceiveMessage(attempt, &sqs.ReceiveMessageInput{
		QueueUrl: &m.url, MaxNumberOfMessages: 1, WaitTimeSeconds: longPoll, MessageAttributeNames: []string{identity},
	})
	switch {
	case err != nil && attempt.Err() != nil && ctx.Err() == nil:
		return nil, fmt.Errorf("queue %s has not answered for %v", m.url, patience)
	case err != nil:
		return nil, explain(ctx, "sqs:ReceiveMessage", m.url, err)
	case len(out.Messages) == 0:
		return nil, nil
	}
	return &out.Messages[0], nil
}

// take deletes a received message. That it is gone already, or in other hands, is no error; nor
// is any other failure: the message has arrived, and if it comes again it is recognised. It is
// deleted also when ctx has ended meanwhile, or the next reader would get it.
func (q *Queues) take(ctx context.Context, m *mailbox, message *types.Message) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleting)
	defer cancel()
	q.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &m.url, ReceiptHandle: message.ReceiptHandle})
}

// identityOf is what two deliveries of one message have in common.
func identityOf(message *types.Message) string {
	if a, ok := message.MessageAttributes[identity]; ok {
		return "ours " + text(a.StringValue)
	}
	return "id " + text(message.MessageId)
}

// knows reports whether a message was delivered before.
func (m *mailbox) knows(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen[id]
}

func (m *mailbox) learn(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen[id] = true
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
