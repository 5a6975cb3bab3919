package awslab

import (
	"maps"
	"slices"
	"strings"
	"time"
)

type receivedMessage struct {
	MessageID              string `json:"MessageId"`
	ReceiptHandle          string
	MD5OfBody              string
	Body                   string
	Attributes             map[string]string    `json:",omitempty"`
	MD5OfMessageAttributes string               `json:",omitempty"`
	MessageAttributes      map[string]attribute `json:",omitempty"`
}

// receive waits for a message as long as the caller, or the queue, says. It gives up mu meanwhile.
func (c *sqsCall) receive() (any, error) {
	q, err := c.queue()
	if err != nil {
		return nil, err
	}
	most, err := within("MaxNumberOfMessages", c.in.MaxNumberOfMessages, 1, 10, 1)
	if err != nil {
		return nil, err
	}
	wait, err := within("WaitTimeSeconds", c.in.WaitTimeSeconds, 0, 20, q.number("ReceiveMessageWaitTimeSeconds"))
	if err != nil {
		return nil, err
	}
	hidden, err := within("VisibilityTimeout", c.in.VisibilityTimeout, 0, 43200, q.number("VisibilityTimeout"))
	if err != nil {
		return nil, err
	}
	var out struct {
		Messages []receivedMessage `json:",omitempty"`
	}
	for end := c.now.Add(time.Duration(wait) * time.Second); ; c.now = time.Now() {
		if c.ctx.Err() != nil { // nobody would get it
			return out, nil
		}
		for _, m := range c.take(q, most) {
			m.visible = c.now.Add(time.Duration(hidden) * time.Second)
			out.Messages = append(out.Messages, c.received(m))
		}
		if len(out.Messages) > 0 || !c.now.Before(end) || c.e.closed || c.queues[q.name] != q {
			return out, nil
		}
		c.await(q, end)
	}
}

// take counts the next messages as received.
func (c *sqsCall) take(q *queue, most int) []*message {
	var taken []*message
	letters, after := c.deadLetters(q)
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool {
		switch {
		case c.now.Sub(m.sent) > q.seconds("MessageRetentionPeriod"):
			return true
		case len(taken) == most || c.now.Before(m.visible):
			return false
		case letters != nil && m.receives >= after:
			letters.messages = append(letters.messages, m)
			letters.wake()
			return true
		}
		if m.receives++; m.receives == 1 {
			m.first = c.now
		}
		taken = append(taken, m)
		return false
	})
	return taken
}

func (c *sqsCall) received(m *message) receivedMessage {
	attributes := maps.Clone(m.attributes)
	maps.DeleteFunc(attributes, func(name string, _ attribute) bool {
		return !slices.ContainsFunc(c.in.MessageAttributeNames, func(wanted string) bool {
			prefix, isPrefix := strings.CutSuffix(wanted, ".*")
			return wanted == "All" || wanted == name || isPrefix && strings.HasPrefix(name, prefix)
		})
	})
	return receivedMessage{
		MessageID: m.id, ReceiptHandle: m.handle(), MD5OfBody: md5Hex(m.body), Body: m.body,
		Attributes:        m.systemAttributes(append(c.in.AttributeNames, c.in.MessageSystemAttributeNames...)),
		MessageAttributes: attributes, MD5OfMessageAttributes: md5OfAttributes(attributes),
	}
}

// await returns when there may be something to receive, or at the end. The caller holds mu, which
// is given up and taken again.
func (c *sqsCall) await(q *queue, end time.Time) {
	for _, m := range q.messages { // the next one to become visible
		if c.now.Before(m.visible) && m.visible.Before(end) {
			end = m.visible
		}
	}
	changed := q.changed
	c.e.mu.Unlock()
	defer c.e.mu.Lock()
	timer := time.NewTimer(time.Until(end))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-c.ctx.Done():
	case <-c.e.closing:
	}
}
