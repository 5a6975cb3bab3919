package awslab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/gofab/gofab/internal/lab"
)

func (e *Endpoint) sqs() *awssqs.Client { return awssqs.NewFromConfig(e.config("us-east-1")) }

// is checks an error by its type, which is the same whatever the endpoint calls it.
func is[T error](t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[T](err); !ok {
		t.Errorf("got %v, want a %T", err, *new(T))
	}
}

func makeQueue(t *testing.T, c *awssqs.Client, name string, attributes map[string]string) *string {
	t.Helper()
	out, err := c.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: &name, Attributes: attributes, Tags: map[string]string{"run": name}})
	must(t, err)
	return out.QueueUrl
}

func send(t *testing.T, c *awssqs.Client, url *string, body string) {
	t.Helper()
	_, err := c.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: url, MessageBody: &body})
	must(t, err)
}

func receive(t *testing.T, c *awssqs.Client, in awssqs.ReceiveMessageInput) []types.Message {
	t.Helper()
	out, err := c.ReceiveMessage(t.Context(), &in)
	must(t, err)
	return out.Messages
}

func TestQueues(t *testing.T) {
	t.Parallel()
	e := start(t, Config{Reuse: 300 * time.Millisecond})
	c := e.sqs()
	url := makeQueue(t, c, "gofab-a", map[string]string{"VisibilityTimeout": "60"})
	if *url != e.URL()+"/"+Account+"/gofab-a" {
		t.Errorf("url %s", *url)
	}
	if again := makeQueue(t, c, "gofab-a", map[string]string{"VisibilityTimeout": "60"}); *again != *url {
		t.Errorf("again: %s", *again)
	}
	_, err := c.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: aws.String("gofab-a"), Attributes: map[string]string{"VisibilityTimeout": "61"}})
	is[*types.QueueNameExists](t, err)
	if !strings.Contains(err.Error(), "VisibilityTimeout") {
		t.Errorf("it does not say which attribute: %v", err)
	}
	_, err = c.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: aws.String("gofab-b"), Attributes: map[string]string{"Colour": "red"}})
	is[*types.InvalidAttributeName](t, err)
	_, err = c.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: aws.String("gofab-b"), Attributes: map[string]string{"VisibilityTimeout": "43201"}})
	is[*types.InvalidAttributeValue](t, err)
	_, err = c.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: aws.String("a b")})
	want(t, err, "InvalidParameterValue")

	got, err := c.GetQueueUrl(t.Context(), &awssqs.GetQueueUrlInput{QueueName: aws.String("gofab-a")})
	must(t, err)
	tags, err := c.ListQueueTags(t.Context(), &awssqs.ListQueueTagsInput{QueueUrl: url})
	must(t, err)
	if *got.QueueUrl != *url || tags.Tags["run"] != "gofab-a" {
		t.Errorf("url %s, tags %v", *got.QueueUrl, tags.Tags)
	}
	if left := e.Left(); len(left) != 1 || left[0] != "us-east-1: queue gofab-a" {
		t.Errorf("left: %v", left)
	}
	_, err = c.DeleteQueue(t.Context(), &awssqs.DeleteQueueInput{QueueUrl: url})
	must(t, err)
	_, err = c.DeleteQueue(t.Context(), &awssqs.DeleteQueueInput{QueueUrl: url})
	is[*types.QueueDoesNotExist](t, err)
	_, err = c.GetQueueUrl(t.Context(), &awssqs.GetQueueUrlInput{QueueName: aws.String("gofab-a")})
	is[*types.QueueDoesNotExist](t, err)
	_, err = c.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: aws.String("gofab-a")})
	is[*types.QueueDeletedRecently](t, err)
	lab.Eventually(t, 10*time.Second, "the name can be used again", func() bool {
		_, err := c.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: aws.String("gofab-a")})
		return err == nil
	})
}

// The header for clients that were made for the protocol before JSON.
func TestQueryErrorHeader(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.URL(), strings.NewReader(`{"QueueName":"none"}`))
	must(t, err)
	req.Header.Set("X-Amz-Target", "AmazonSQS.GetQueueUrl")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0")
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer res.Body.Close()
	if got := res.Header.Get("x-amzn-query-error"); got != "AWS.SimpleQueueService.NonExistentQueue;Sender" || res.StatusCode != 400 {
		t.Errorf("%d %q", res.StatusCode, got)
	}
}

func TestListQueues(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.sqs()
	for i := range 5 {
		makeQueue(t, c, fmt.Sprintf("gofab-%d", i), nil)
	}
	makeQueue(t, c, "other", nil)
	pages := awssqs.NewListQueuesPaginator(c, &awssqs.ListQueuesInput{QueueNamePrefix: aws.String("gofab-"), MaxResults: aws.Int32(2)})
	var got []string
	var sizes []int
	for pages.HasMorePages() {
		out, err := pages.NextPage(t.Context())
		must(t, err)
		for _, url := range out.QueueUrls {
			got = append(got, url[len(url)-1:])
		}
		sizes = append(sizes, len(out.QueueUrls))
	}
	if !slices.Equal(got, []string{"0", "1", "2", "3", "4"}) || !slices.Equal(sizes, []int{2, 2, 1}) {
		t.Errorf("pages of %v: %v", sizes, got)
	}
	out, err := c.ListQueues(t.Context(), nil)
	must(t, err)
	if len(out.QueueUrls) != 6 {
		t.Errorf("all: %v", out.QueueUrls)
	}
	other, err := awssqs.NewFromConfig(e.config("eu-west-1")).ListQueues(t.Context(), nil)
	must(t, err)
	if len(other.QueueUrls) != 0 {
		t.Errorf("in another region: %v", other.QueueUrls)
	}
}

// The SDK compares the MD5 of bodies itself.
func TestMessages(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.sqs()
	url := makeQueue(t, c, "q", nil)
	sent, err := c.SendMessage(t.Context(), &awssqs.SendMessageInput{
		QueueUrl: url, MessageBody: aws.String("grüße"),
		MessageAttributes: map[string]types.MessageAttributeValue{
			"host":  {DataType: aws.String("String"), StringValue: aws.String("host-3")},
			"bytes": {DataType: aws.String("Binary"), BinaryValue: []byte{1, 2, 3}},
		},
	})
	must(t, err)
	// Computed in Python, after the developer guide.
	if *sent.MD5OfMessageAttributes != "b4ba01e00bbfeb4e3fde9bdaf14a8b31" {
		t.Errorf("digest of the attributes: %s", *sent.MD5OfMessageAttributes)
	}
	got := receive(t, c, awssqs.ReceiveMessageInput{
		QueueUrl: url, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"host"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"ApproximateReceiveCount", "SentTimestamp"},
	})
	if len(got) != 1 || *got[0].Body != "grüße" || *got[0].MessageId != *sent.MessageId || len(got[0].MessageAttributes) != 1 || *got[0].MessageAttributes["host"].StringValue != "host-3" ||
		got[0].Attributes["ApproximateReceiveCount"] != "1" || len(got[0].Attributes) != 2 {
		t.Fatalf("received: %+v", got)
	}
	if again := receive(t, c, awssqs.ReceiveMessageInput{QueueUrl: url}); len(again) != 0 {
		t.Errorf("received twice: %+v", again)
	}
	for range 2 { // the second time there is nothing to delete
		_, err = c.DeleteMessage(t.Context(), &awssqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: got[0].ReceiptHandle})
		must(t, err)
	}
	_, err = c.DeleteMessage(t.Context(), &awssqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: aws.String("none")})
	is[*types.ReceiptHandleIsInvalid](t, err)
	_, err = c.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String(strings.Repeat("x", 1<<20+1))})
	want(t, err, "InvalidParameterValue")
	_, err = c.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 11})
	want(t, err, "InvalidParameterValue")
	_, err = c.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: aws.String(e.URL() + "/1/none"), MessageBody: aws.String("x")})
	is[*types.QueueDoesNotExist](t, err)
}

func TestVisibility(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.sqs()
	url := makeQueue(t, c, "q", map[string]string{"VisibilityTimeout": "1"})
	send(t, c, url, "x")
	first := receive(t, c, awssqs.ReceiveMessageInput{QueueUrl: url})[0]
	began := time.Now()
	again := receive(t, c, awssqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 10, VisibilityTimeout: 100})
	if took := time.Since(began); len(again) != 1 || *again[0].ReceiptHandle == *first.ReceiptHandle || took < 500*time.Millisecond || took > 8*time.Second {
		t.Fatalf("after %v: %+v", took, again)
	}
	change := func(handle *string, timeout int32) error {
		_, err := c.ChangeMessageVisibility(t.Context(), &awssqs.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: handle, VisibilityTimeout: timeout})
		return err
	}
	is[*types.MessageNotInflight](t, change(first.ReceiptHandle, 0))
	must(t, change(again[0].ReceiptHandle, 0))
	is[*types.MessageNotInflight](t, change(again[0].ReceiptHandle, 0))
	if now := receive(t, c, awssqs.ReceiveMessageInput{QueueUrl: url}); len(now) != 1 {
		t.Errorf("given back: %+v", now)
	}
}

// A long poll ends when a message comes, and gives up at its time; one whose client is gone takes
// no message.
func TestLongPoll(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.sqs()
	url := makeQueue(t, c, "q", nil)
	began := time.Now()
	if got := receive(t, c, awssqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 1}); len(got) != 0 || time.Since(began) < time.Second {
		t.Errorf("after %v: %+v", time.Since(began), got)
	}
	gone, hangUp := context.WithCancel(t.Context())
	lost := make(chan error)
	go func() {
		_, err := c.ReceiveMessage(gone, &awssqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 20})
		lost <- err
	}()
	waiting := func(n int) func() bool {
		return func() bool {
			return len(slices.DeleteFunc(e.Calls(), func(c Call) bool { return c.Action != "ReceiveMessage" })) == n
		}
	}
	lab.Eventually(t, 10*time.Second, "the first waits", waiting(2))
	hangUp()
	if err := <-lost; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	lab.Eventually(t, 10*time.Second, "the endpoint has noticed", func() bool { return e.Calls()[2].Took > 0 })

	type result struct {
		out *awssqs.ReceiveMessageOutput
		err error
	}
	got := make(chan result)
	began = time.Now()
	go func() {
		out, err := c.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 20})
		got <- result{out, err}
	}()
	lab.Eventually(t, 10*time.Second, "the second waits", waiting(3))
	send(t, c, url, "x")
	r := <-got
	must(t, r.err)
	if len(r.out.Messages) != 1 || time.Since(began) > 10*time.Second {
		t.Errorf("after %v: %+v", time.Since(began), r.out.Messages)
	}
}

func TestQueueAttributes(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.sqs()
	url := makeQueue(t, c, "q", nil)
	get := func(names ...types.QueueAttributeName) map[string]string {
		out, err := c.GetQueueAttributes(t.Context(), &awssqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: names})
		must(t, err)
		return out.Attributes
	}
	for range 3 {
		send(t, c, url, "x")
	}
	_, err := c.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("later"), DelaySeconds: 900})
	must(t, err)
	receive(t, c, awssqs.ReceiveMessageInput{QueueUrl: url})
	all := get("All")
	for name, want := range map[string]string{
		"ApproximateNumberOfMessages": "2", "ApproximateNumberOfMessagesNotVisible": "1", "ApproximateNumberOfMessagesDelayed": "1",
		"VisibilityTimeout": "30", "QueueArn": "arn:aws:sqs:us-east-1:123456789012:q",
	} {
		if all[name] != want {
			t.Errorf("%s is %q, want %q", name, all[name], want)
		}
	}
	_, err = c.SetQueueAttributes(t.Context(), &awssqs.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{"VisibilityTimeout": "5"}})
	must(t, err)
	if some := get("VisibilityTimeout"); len(some) != 1 || some["VisibilityTimeout"] != "5" {
		t.Errorf("some: %v", some)
	}
	_, err = c.TagQueue(t.Context(), &awssqs.TagQueueInput{QueueUrl: url, Tags: map[string]string{"a": "b"}})
	must(t, err)
	_, err = c.UntagQueue(t.Context(), &awssqs.UntagQueueInput{QueueUrl: url, TagKeys: []string{"run"}})
	must(t, err)
	tags, err := c.ListQueueTags(t.Context(), &awssqs.ListQueueTagsInput{QueueUrl: url})
	must(t, err)
	if len(tags.Tags) != 1 || tags.Tags["a"] != "b" {
		t.Errorf("tags: %v", tags.Tags)
	}
	_, err = c.PurgeQueue(t.Context(), &awssqs.PurgeQueueInput{QueueUrl: url})
	must(t, err)
	if left := get("All"); left["ApproximateNumberOfMessages"] != "0" || left["ApproximateNumberOfMessagesNotVisible"] != "0" {
		t.Errorf("purged: %v", left)
	}
	_, err = c.PurgeQueue(t.Context(), &awssqs.PurgeQueueInput{QueueUrl: url})
	is[*types.PurgeQueueInProgress](t, err)
}

func TestBatches(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.sqs()
	url := makeQueue(t, c, "q", nil)
	var entries []types.SendMessageBatchRequestEntry
	for i := range 3 {
		entries = append(entries, types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), MessageBody: aws.String(strings.Repeat("x", i))}) // the first is empty
	}
	sent, err := c.SendMessageBatch(t.Context(), &awssqs.SendMessageBatchInput{QueueUrl: url, Entries: entries})
	must(t, err)
	if len(sent.Successful) != 2 || *sent.Successful[0].Id != "1" || len(sent.Failed) != 1 || *sent.Failed[0].Id != "0" || *sent.Failed[0].Code != "MissingParameter" {
		t.Errorf("sent: %+v", sent)
	}
	var hide []types.ChangeMessageVisibilityBatchRequestEntry
	var remove []types.DeleteMessageBatchRequestEntry
	for _, m := range receive(t, c, awssqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10}) {
		hide = append(hide, types.ChangeMessageVisibilityBatchRequestEntry{Id: m.MessageId, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 100})
		remove = append(remove, types.DeleteMessageBatchRequestEntry{Id: m.MessageId, ReceiptHandle: m.ReceiptHandle})
	}
	hidden, err := c.ChangeMessageVisibilityBatch(t.Context(), &awssqs.ChangeMessageVisibilityBatchInput{QueueUrl: url, Entries: hide})
	must(t, err)
	removed, err := c.DeleteMessageBatch(t.Context(), &awssqs.DeleteMessageBatchInput{QueueUrl: url, Entries: remove})
	must(t, err)
	if len(hidden.Successful) != 2 || len(removed.Successful) != 2 {
		t.Errorf("hidden %+v, removed %+v", hidden, removed)
	}
	_, err = c.SendMessageBatch(t.Context(), &awssqs.SendMessageBatchInput{QueueUrl: url, Entries: []types.SendMessageBatchRequestEntry{}})
	is[*types.EmptyBatchRequest](t, err)
	_, err = c.SendMessageBatch(t.Context(), &awssqs.SendMessageBatchInput{QueueUrl: url, Entries: append(entries, entries...)})
	is[*types.BatchEntryIdsNotDistinct](t, err)
}

// A message that was received too often goes to the queue that the policy names.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.sqs()
	letters := makeQueue(t, c, "letters", nil)
	url := makeQueue(t, c, "q", map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:letters","maxReceiveCount":"2"}`})
	send(t, c, url, "x")
	for n := range 3 {
		m := receive(t, c, awssqs.ReceiveMessageInput{QueueUrl: url})
		if (len(m) == 1) != (n < 2) {
			t.Errorf("time %d: %+v", n, m)
		}
		for _, m := range m {
			_, err := c.ChangeMessageVisibility(t.Context(), &awssqs.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 0})
			must(t, err)
		}
	}
	if m := receive(t, c, awssqs.ReceiveMessageInput{QueueUrl: letters}); len(m) != 1 || *m[0].Body != "x" {
		t.Errorf("dead letters: %+v", m)
	}
}

func TestSQSFaults(t *testing.T) {
	t.Parallel()
	e := start(t, Config{Denied: []string{"PurgeQueue"}})
	c := e.sqs()
	url := makeQueue(t, c, "q", nil)
	e.Fault(Fault{Action: "SendMessage", Code: "RequestThrottled", Message: "slow down"})
	_, err := c.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("x")})
	want(t, err, "RequestThrottled")
	_, err = c.PurgeQueue(t.Context(), &awssqs.PurgeQueueInput{QueueUrl: url})
	want(t, err, "AccessDenied")
	e.Fault(Fault{Action: "SendMessage", Lost: true})
	if _, err = c.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("x")}); err == nil {
		t.Error("the answer came")
	}
	if m := receive(t, c, awssqs.ReceiveMessageInput{QueueUrl: url}); len(m) != 1 {
		t.Errorf("the message that was sent: %+v", m)
	}
}
