package awslab

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// attribute is a value that a message carries beside its body.
type attribute struct {
	DataType    string
	StringValue *string `json:",omitempty"`
	BinaryValue []byte  `json:",omitempty"`
}

// message is one in a queue.
type message struct {
	id, body    string
	attributes  map[string]attribute
	sent, first time.Time // first: when it was received for the first time
	visible     time.Time
	receives    int
}

// handle is the receipt of the last time that the message was received.
func (m *message) handle() string { return fmt.Sprintf("%s#%d", m.id, m.receives) }

func (m *message) inFlight(now time.Time) bool { return m.receives > 0 && now.Before(m.visible) }

func (q *queue) count(now time.Time) (visible, delayed, inFlight int) {
	for _, m := range q.messages {
		switch {
		case m.inFlight(now):
			inFlight++
		case now.Before(m.visible):
			delayed++
		default:
			visible++
		}
	}
	return visible, delayed, inFlight
}

func md5Hex(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// md5OfAttributes is computed as the developer guide says under "Calculating the MD5 message
// digest for message attributes".
func md5OfAttributes(attributes map[string]attribute) string {
	if len(attributes) == 0 {
		return ""
	}
	h := md5.New()
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		writeSized(h, name)
		writeSized(h, a.DataType)
		if a.StringValue != nil {
			h.Write([]byte{1})
			writeSized(h, *a.StringValue)
		} else {
			h.Write([]byte{2})
			writeSized(h, string(a.BinaryValue))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func writeSized(h hash.Hash, text string) {
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(text))))
	h.Write([]byte(text))
}

type sentMessage struct {
	ID                     string `json:"Id,omitempty"`
	MessageID              string `json:"MessageId"`
	MD5OfMessageBody       string
	MD5OfMessageAttributes string `json:",omitempty"`
}

func (c *sqsCall) send(q *queue) (any, error) { return c.sendEntry(q, c.in.sqsEntry) }

func (c *sqsCall) sendEntry(q *queue, in sqsEntry) (any, error) {
	if in.MessageBody == "" {
		return nil, refuse("MissingParameter", "The request must contain the parameter MessageBody.")
	}
	if most := q.number("MaximumMessageSize"); len(in.MessageBody) > most {
		return nil, refuse("InvalidParameterValue", fmt.Sprintf("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", most))
	}
	delay, err := within("DelaySeconds", in.DelaySeconds, 0, 900, q.number("DelaySeconds"))
	if err != nil {
		return nil, err
	}
	m := &message{id: newUUID(), body: in.MessageBody, attributes: in.MessageAttributes, sent: c.now, visible: c.now.Add(time.Duration(delay) * time.Second)}
	q.messages = append(q.messages, m)
	q.wake()
	return sentMessage{in.ID, m.id, md5Hex(m.body), md5OfAttributes(m.attributes)}, nil
}

// find is the message of a receipt; nil if it was deleted. A receipt is good for as long as the
// message, for it is at least once that messages are delivered.
func (q *queue) find(receipt string) (*message, error) {
	id, _, ok := strings.Cut(receipt, "#")
	if !ok {
		return nil, refuse("ReceiptHandleIsInvalid", fmt.Sprintf("The input receipt handle %q is not a valid receipt handle.", receipt))
	}
	for _, m := range q.messages {
		if m.id == id {
			return m, nil
		}
	}
	return nil, nil
}

func (c *sqsCall) deleteMessage(q *queue) (any, error) {
	_, err := c.deleteEntry(q, c.in.sqsEntry)
	return nil, err
}

type doneEntry struct {
	ID string `json:"Id"`
}

func (c *sqsCall) deleteEntry(q *queue, in sqsEntry) (any, error) {
	m, err := q.find(in.ReceiptHandle)
	if err != nil {
		return nil, err
	}
	q.messages = slices.DeleteFunc(q.messages, func(other *message) bool { return other == m })
	return doneEntry{in.ID}, nil
}

func (c *sqsCall) changeVisibility(q *queue) (any, error) {
	in := c.in.sqsEntry
	in.VisibilityTimeout = c.in.VisibilityTimeout
	_, err := c.changeEntry(q, in)
	return nil, err
}

func (c *sqsCall) changeEntry(q *queue, in sqsEntry) (any, error) {
	m, err := q.find(in.ReceiptHandle)
	if err != nil {
		return nil, err
	}
	if in.VisibilityTimeout == nil {
		return nil, refuse("MissingParameter", "The request must contain the parameter VisibilityTimeout.")
	}
	timeout, err := within("VisibilityTimeout", in.VisibilityTimeout, 0, 43200, 0)
	if err != nil {
		return nil, err
	}
	if m == nil || !m.inFlight(c.now) || m.handle() != in.ReceiptHandle {
		return nil, refuse("MessageNotInflight", "The message referred to isn't in flight.")
	}
	m.visible = c.now.Add(time.Duration(timeout) * time.Second)
	q.wake()
	return doneEntry{in.ID}, nil
}

type failedEntry struct {
	ID          string `json:"Id"`
	Code        string
	Message     string
	SenderFault bool
}

// batch does for each entry what an action does for one message.
func batch(one func(*sqsCall, *queue, sqsEntry) (any, error)) func(*sqsCall, *queue) (any, error) {
	return func(c *sqsCall, q *queue) (any, error) {
		switch n := len(c.in.Entries); {
		case n == 0:
			return nil, refuse("EmptyBatchRequest", "There should be at least one entry in the batch request.")
		case n > 10:
			return nil, refuse("TooManyEntriesInBatchRequest", fmt.Sprintf("Maximum number of entries per request are 10. You have sent %d.", n))
		}
		var out struct {
			Successful []any
			Failed     []failedEntry
		}
		seen := map[string]bool{}
		for _, in := range c.in.Entries {
			if seen[in.ID] {
				return nil, refuse("BatchEntryIdsNotDistinct", fmt.Sprintf("Id %s repeated.", in.ID))
			}
			seen[in.ID] = true
		}
		for _, in := range c.in.Entries {
			done, err := one(c, q, in)
			if err != nil {
				out.Failed = append(out.Failed, failedEntry{in.ID, asAPI(err).Code, asAPI(err).Message, true})
				continue
			}
			out.Successful = append(out.Successful, done)
		}
		return out, nil
	}
}

// systemAttributes are what the service itself knows of a message.
func (m *message) systemAttributes(wanted []string) map[string]string {
	all := map[string]string{
		"SenderId":                         "AIDACKCEVSQ6C2EXAMPLE",
		"SentTimestamp":                    strconv.FormatInt(m.sent.UnixMilli(), 10),
		"ApproximateReceiveCount":          strconv.Itoa(m.receives),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.first.UnixMilli(), 10),
	}
	if !slices.Contains(wanted, "All") {
		maps.DeleteFunc(all, func(name, _ string) bool { return !slices.Contains(wanted, name) })
	}
	return all
}
