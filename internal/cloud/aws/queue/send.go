package queue

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// MaxMessage is the longest message that Send takes. SQS itself would take more by now; local
// queues have this limit, and what works with one provider works with all.
const MaxMessage = 256 << 10

// identity is the attribute that makes a message recognisable when it was sent twice, because
// the answer to the first attempt was lost. identitySize is what it adds to the message's size.
const (
	identity     = "gofab-id"
	identitySize = len(identity) + len("String") + 26
)

// Send puts one message on the run's queue. What SQS would not take is refused here: an empty
// message, one that is too long, and characters other than XML's.
func (q *Queues) Send(ctx context.Context, run string, body []byte) error {
	if err := sendable(body); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	m, err := q.mailbox(ctx, run)
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	id := rand.Text()
	in := &sqs.SendMessageInput{QueueUrl: &m.url, MessageBody: aws.String(string(body))}
	if len(body)+identitySize <= MaxMessage {
		in.MessageAttributes = map[string]types.MessageAttributeValue{
			identity: {DataType: aws.String("String"), StringValue: &id},
		}
	}
	if m.fifo {
		in.MessageGroupId, in.MessageDeduplicationId = &run, &id
	}
	if _, err := q.client.SendMessage(ctx, in); err != nil {
		return fmt.Errorf("send: %w", explain(ctx, "sqs:SendMessage", m.url, err))
	}
	return nil
}

func sendable(body []byte) error {
	switch {
	case len(body) == 0:
		return errors.New("SQS takes no empty message")
	case len(body) > MaxMessage:
		return fmt.Errorf("a message of %d bytes is longer than %d", len(body), MaxMessage)
	}
	for i, r := range string(body) {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRune(body[i:]); size == 1 {
				return fmt.Errorf("byte %d is not UTF-8, and SQS takes only text", i)
			}
		}
		if !allowed(r) {
			return fmt.Errorf("byte %d is the character %U, which SQS does not take", i, r)
		}
	}
	return nil
}

// allowed are the characters of a message, by the documentation of SendMessage: XML's.
func allowed(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= 0xFFFD || r >= 0x10000
}
