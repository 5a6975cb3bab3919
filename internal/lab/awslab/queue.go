package awslab

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// queue is a standard queue.
type queue struct {
	name              string
	created, modified time.Time
	purged            time.Time
	attributes        map[string]string // all that can be set
	tags              map[string]string
	messages          []*message
	changed           chan struct{} // closed when there may be something to receive
}

// numeric are the attributes that are numbers: their least, most and default.
var numeric = map[string][3]int{
	"DelaySeconds":                  {0, 900, 0},
	"MaximumMessageSize":            {1024, 1 << 20, 1 << 20},
	"MessageRetentionPeriod":        {60, 1209600, 345600},
	"ReceiveMessageWaitTimeSeconds": {0, 20, 0},
	"VisibilityTimeout":             {0, 43200, 30},
}

// textual are the other attributes that can be set.
var textual = []string{"KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId", "Policy", "RedriveAllowPolicy", "RedrivePolicy", "SqsManagedSseEnabled"}

func checkAttributes(attributes map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		limits, isNumber := numeric[name]
		if !isNumber && !slices.Contains(textual, name) {
			return refuse("InvalidAttributeName", fmt.Sprintf("Unknown Attribute %s.", name))
		}
		n, err := strconv.Atoi(attributes[name])
		if isNumber && (err != nil || n < limits[0] || n > limits[1]) {
			return refuse("InvalidAttributeValue", fmt.Sprintf("Invalid value for the parameter %s.", name))
		}
	}
	return nil
}

func (q *queue) number(attribute string) int {
	n, _ := strconv.Atoi(q.attributes[attribute])
	return n
}

func (q *queue) seconds(attribute string) time.Duration {
	return time.Duration(q.number(attribute)) * time.Second
}

// wake lets those who wait for messages look again.
func (q *queue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

func (c *sqsCall) url(q *queue) string { return c.e.url + "/" + Account + "/" + q.name }

func (c *sqsCall) arn(q *queue) string {
	return fmt.Sprintf("arn:aws:sqs:%s:%s:%s", c.name, Account, q.name)
}

// queue is the one of the call's URL: its path says which.
func (c *sqsCall) queue() (*queue, error) {
	if c.in.QueueURL == "" {
		return nil, refuse("MissingParameter", "The request must contain the parameter QueueUrl.")
	}
	parts := strings.Split(c.in.QueueURL, "/")
	return c.queueNamed(parts[len(parts)-1])
}

func (c *sqsCall) queueNamed(name string) (*queue, error) {
	if q := c.queues[name]; q != nil {
		return q, nil
	}
	return nil, refuse("QueueDoesNotExist", "The specified queue does not exist.")
}

type queueURL struct{ QueueUrl string }

var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// createQueue finds a queue that exists with the same attributes.
func (c *sqsCall) createQueue() (any, error) {
	name := c.in.QueueName
	if !queueName.MatchString(name) {
		return nil, refuse("InvalidParameterValue", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	if err := checkAttributes(c.in.Attributes); err != nil {
		return nil, err
	}
	if q := c.queues[name]; q != nil {
		for _, attribute := range slices.Sorted(maps.Keys(c.in.Attributes)) {
			if q.attributes[attribute] != c.in.Attributes[attribute] {
				return nil, refuse("QueueNameExists", fmt.Sprintf("A queue already exists with the same name and a different value for attribute %s", attribute))
			}
		}
		return queueURL{c.url(q)}, nil
	}
	if gone, ok := c.deleted[name]; ok && c.now.Before(gone.Add(c.e.cfg.Reuse)) {
		return nil, refuse("QueueDeletedRecently", "You must wait 60 seconds after deleting a queue before you can create another with the same name.")
	}
	q := &queue{name: name, created: c.now, modified: c.now, attributes: map[string]string{"SqsManagedSseEnabled": "true"}, tags: map[string]string{}, changed: make(chan struct{})}
	for attribute, limits := range numeric {
		q.attributes[attribute] = strconv.Itoa(limits[2])
	}
	maps.Copy(q.attributes, c.in.Attributes)
	maps.Copy(q.tags, c.in.Tags)
	c.queues[name] = q
	return queueURL{c.url(q)}, nil
}

func (c *sqsCall) deleteQueue(q *queue) (any, error) {
	delete(c.queues, q.name)
	c.deleted[q.name] = c.now
	q.wake()
	return nil, nil
}

func (c *sqsCall) getURL() (any, error) {
	q, err := c.queueNamed(c.in.QueueName)
	if err != nil {
		return nil, err
	}
	return queueURL{c.url(q)}, nil
}

// listQueues gives pages only to who asks for them with MaxResults.
func (c *sqsCall) listQueues() (any, error) {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(c.queues)), func(name string) bool {
		return !strings.HasPrefix(name, c.in.QueueNamePrefix) || name <= c.in.NextToken
	})
	size, err := within("MaxResults", c.in.MaxResults, 1, 1000, 1000)
	if err != nil {
		return nil, err
	}
	var out struct {
		QueueUrls []string `json:",omitempty"`
		NextToken string   `json:",omitempty"`
	}
	if len(names) > size {
		names = names[:size]
		if c.in.MaxResults != nil {
			out.NextToken = names[size-1]
		}
	}
	for _, name := range names {
		out.QueueUrls = append(out.QueueUrls, c.url(c.queues[name]))
	}
	return out, nil
}

// within is the value of a parameter with limits.
func within(name string, value *int, least, most, otherwise int) (int, error) {
	if value == nil {
		return otherwise, nil
	}
	if *value < least || *value > most {
		return 0, refuse("InvalidParameterValue", fmt.Sprintf("Value %d for parameter %s is invalid. Reason: Must be between %d and %d, if provided.", *value, name, least, most))
	}
	return *value, nil
}

func (c *sqsCall) getAttributes(q *queue) (any, error) {
	all := maps.Clone(q.attributes)
	visible, delayed, inFlight := q.count(c.now)
	all["ApproximateNumberOfMessages"] = strconv.Itoa(visible)
	all["ApproximateNumberOfMessagesDelayed"] = strconv.Itoa(delayed)
	all["ApproximateNumberOfMessagesNotVisible"] = strconv.Itoa(inFlight)
	all["CreatedTimestamp"] = strconv.FormatInt(q.created.Unix(), 10)
	all["LastModifiedTimestamp"] = strconv.FormatInt(q.modified.Unix(), 10)
	all["QueueArn"] = c.arn(q)
	for _, name := range c.in.AttributeNames {
		if _, ok := all[name]; !ok && name != "All" && !slices.Contains(textual, name) {
			return nil, refuse("InvalidAttributeName", fmt.Sprintf("Unknown Attribute %s.", name))
		}
	}
	if !slices.Contains(c.in.AttributeNames, "All") {
		maps.DeleteFunc(all, func(name, _ string) bool { return !slices.Contains(c.in.AttributeNames, name) })
	}
	return struct {
		Attributes map[string]string `json:",omitempty"`
	}{all}, nil
}

func (c *sqsCall) setAttributes(q *queue) (any, error) {
	if err := checkAttributes(c.in.Attributes); err != nil {
		return nil, err
	}
	maps.Copy(q.attributes, c.in.Attributes)
	q.modified = c.now
	return nil, nil
}

func (c *sqsCall) tag(q *queue) (any, error) {
	maps.Copy(q.tags, c.in.Tags)
	return nil, nil
}

func (c *sqsCall) untag(q *queue) (any, error) {
	for _, key := range c.in.TagKeys {
		delete(q.tags, key)
	}
	return nil, nil
}

func (c *sqsCall) listTags(q *queue) (any, error) {
	return struct {
		Tags map[string]string `json:",omitempty"`
	}{maps.Clone(q.tags)}, nil
}

func (c *sqsCall) purge(q *queue) (any, error) {
	if c.now.Before(q.purged.Add(time.Minute)) {
		return nil, refuse("PurgeQueueInProgress", fmt.Sprintf("Only one PurgeQueue operation on %s is allowed every 60 seconds.", q.name))
	}
	q.messages, q.purged = nil, c.now
	return nil, nil
}

// deadLetters is where messages go that were received too often, if there is such a place.
func (c *sqsCall) deadLetters(q *queue) (to *queue, after int) {
	var policy struct {
		Target string `json:"deadLetterTargetArn"`
		After  any    `json:"maxReceiveCount"` // a number, in quotes or without
	}
	if json.Unmarshal([]byte(q.attributes["RedrivePolicy"]), &policy) != nil {
		return nil, 0
	}
	after, err := strconv.Atoi(fmt.Sprint(policy.After))
	for _, other := range c.queues {
		if err == nil && other != q && c.arn(other) == policy.Target {
			return other, after
		}
	}
	return nil, 0
}
