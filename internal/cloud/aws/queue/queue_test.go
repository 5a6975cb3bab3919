package queue_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/aws/body"
	"github.com/gofab/gofab/internal/cloud/aws/queue"
	"github.com/gofab/gofab/internal/cloud/aws/tag"
	"github.com/gofab/gofab/internal/cloud/cloudtest"
	"github.com/gofab/gofab/internal/lab"
)

var _ cloud.Queue = (*queue.Queues)(nil)

// client speaks to an SQS at url, as the SDK does it by default.
func client(url string) *sqs.Client {
	return sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: &url, APIOptions: []func(*middleware.Stack) error{body.Plain},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "secret"}, nil
		}),
	})
}

// world is an SQS, what is in between, and a run.
type world struct {
	t       *testing.T
	net     *network
	client  *sqs.Client
	queues  *queue.Queues
	run     string
	expires time.Time
}

var runs atomic.Int64

func newWorld(t *testing.T) *world {
	t.Parallel()
	net := newNetwork(t, lab.SQS(t))
	w := &world{t: t, net: net, client: client(net.URL), run: fmt.Sprintf("20261124-%d", runs.Add(1))}
	w.queues = queue.New(w.client, "alice")
	return w
}

func (w *world) open(name string) string {
	w.t.Helper()
	url, err := w.queues.Open(w.t.Context(), w.run, name, w.expires)
	if err != nil {
		w.t.Fatal(err)
	}
	return url
}

func (w *world) send(body string) {
	w.t.Helper()
	if err := w.queues.Send(w.t.Context(), w.run, []byte(body)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) receive() string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	body, err := w.queues.Receive(ctx, w.run)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(body)
}

// nothing checks that no message arrives for a while.
func (w *world) nothing(d time.Duration) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), d)
	defer cancel()
	if body, err := w.queues.Receive(ctx, w.run); !errors.Is(err, context.DeadlineExceeded) {
		w.t.Errorf("received %q, %v", body, err)
	}
}

func TestContract(t *testing.T) {
	w := newWorld(t)
	cloudtest.TestQueue(t, w.queues, queue.New(w.client, "bob"), w.run, w.run+"-other")
	for _, run := range []string{w.run, w.run + "-other"} {
		if err := errors.Join(w.queues.Delete(t.Context(), run), w.queues.Delete(t.Context(), run)); err != nil {
			t.Error(err)
		}
	}
	if left, err := w.queues.Runs(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestOpenMakesTheQueue(t *testing.T) {
	w := newWorld(t)
	url := w.open("")
	if !strings.HasPrefix(url, "http://") || !strings.HasSuffix(url, "/gofab-"+w.run) {
		t.Errorf("it is %s", url)
	}
	got, err := w.client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{"All"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"VisibilityTimeout": "60", "ReceiveMessageWaitTimeSeconds": "20", "SqsManagedSseEnabled": "true", "MessageRetentionPeriod": "345600"} {
		if got.Attributes[name] != want {
			t.Errorf("%s is %s, not %s", name, got.Attributes[name], want)
		}
	}
	tags, err := w.client.ListQueueTags(t.Context(), &sqs.ListQueueTagsInput{QueueUrl: &url})
	if err != nil || tags.Tags[tag.Run] != w.run || tags.Tags[tag.Owner] != "alice" || tag.ParseTime(tags.Tags[tag.Expires]).Before(time.Now()) {
		t.Errorf("tags %v, %v", tags.Tags, err)
	}
}

func TestRunsThatCannotNameAQueue(t *testing.T) {
	w := newWorld(t)
	for _, run := range []string{"", "a b", "ü", "x.fifo", strings.Repeat("x", 75)} {
		_, err := w.queues.Open(t.Context(), run, "", time.Time{})
		if err == nil || w.queues.Delete(t.Context(), run) == nil {
			t.Errorf("run %q has a queue", run)
		}
	}
	if n := w.net.count(""); n > 0 {
		t.Errorf("SQS was asked %d times", n)
	}
}

func TestSendRefusesWhatSQSRefuses(t *testing.T) {
	w := newWorld(t)
	w.open("")
	for body, want := range map[string]string{
		"": "no empty message", "nul\x00": "byte 3 is the character U+0000", "\xff": "byte 0 is not UTF-8",
		"a\uffff": "byte 1 is the character U+FFFF", strings.Repeat("x", queue.MaxMessage+1): "longer than 262144",
	} {
		if err := w.queues.Send(t.Context(), w.run, []byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.9q: %v", body, err)
		}
	}
	if n := w.net.count("SendMessage"); n > 0 {
		t.Errorf("%d were sent", n)
	}
	for _, body := range []string{"\t\r\n �\U0010FFFF", strings.Repeat("x", queue.MaxMessage)} {
		if w.send(body); w.receive() != body {
			t.Errorf("%.9q is another message on arrival", body)
		}
	}
}

// A receiver keeps one question open, whatever it waits for.
func TestReceiveAsksRarely(t *testing.T) {
	w := newWorld(t)
	w.open("")
	w.nothing(3 * time.Second)
	if n := w.net.count("ReceiveMessage"); n != 1 {
		t.Errorf("it asked %d times in 3 s", n)
	}
}

// A message that comes after the only receiver has left is there for the next one, at once.
func TestReceiveAfterCancel(t *testing.T) {
	w := newWorld(t)
	w.open("")
	w.nothing(200 * time.Millisecond)
	w.send("hello")
	began := time.Now()
	if got := w.receive(); got != "hello" || time.Since(began) > 15*time.Second {
		t.Errorf("received %q after %v", got, time.Since(began))
	}
}

func TestNamedQueue(t *testing.T) {
	w := newWorld(t)
	made, err := w.client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("theirs")})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"theirs", *made.QueueUrl} {
		if url := w.open(name); url != *made.QueueUrl {
			t.Errorf("%s is %s", name, url)
		}
		w.send("hello")
		if got := w.receive(); got != "hello" {
			t.Errorf("received %q", got)
		}
		w.send("stays")
		if err := w.queues.Delete(t.Context(), w.run); err != nil {
			t.Fatal(err)
		}
		w.open(name)
		if got := w.receive(); got != "stays" {
			t.Errorf("after Delete there is %q on it", got)
		}
	}
	for _, name := range []string{"missing", *made.QueueUrl + "-missing"} {
		if _, err := w.queues.Open(t.Context(), w.run, name, time.Time{}); err == nil || !strings.Contains(err.Error(), "there is no queue "+name) {
			t.Errorf("open %s: %v", name, err)
		}
	}
}

func TestNamedFIFOQueue(t *testing.T) {
	w := newWorld(t)
	_, err := w.client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("theirs.fifo"), Attributes: map[string]string{"FifoQueue": "true"}})
	if err != nil {
		t.Fatal(err)
	}
	w.open("theirs.fifo")
	for range 2 { // equal messages are two messages
		if w.send("hello"); w.receive() != "hello" {
			t.Error("not what was sent")
		}
	}
}

// What bears our name but not our tag is not ours.
func TestDeleteLeavesWhatIsNotOurs(t *testing.T) {
	w := newWorld(t)
	name := "gofab-" + w.run
	if _, err := w.client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Tags: map[string]string{tag.Run: "another"}}); err != nil {
		t.Fatal(err)
	}
	if err := w.queues.Delete(t.Context(), w.run); err == nil || !strings.Contains(err.Error(), "not ours") {
		t.Errorf("delete: %v", err)
	}
	if n := w.net.count("DeleteQueue"); n > 0 {
		t.Error("it was deleted")
	}
}

func TestRuns(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"gofab-untagged", "other"} {
		if _, err := w.client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name}); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Now().Add(time.Hour).Truncate(time.Second).UTC()
	w.expires = at
	w.open("")
	got, err := queue.New(w.client, "bob").Runs(t.Context())
	if want := (cloud.Trace{Run: w.run, Owner: "alice", Expires: at}); err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("runs: %v, %v; want %v", got, err, want)
	}
}

// There may be more queues than SQS lists at a time, and one may go while they are listed.
func TestRunsOnManyPages(t *testing.T) {
	w := newWorld(t)
	url := w.open("")
	var asked []string
	page := func(answer string) fault {
		return func(rw http.ResponseWriter, r *http.Request, _ http.Handler) {
			body, _ := io.ReadAll(r.Body)
			asked = append(asked, string(body))
			io.WriteString(rw, answer)
		}
	}
	w.net.order("ListQueues", page(`{"QueueUrls":["`+url+`-gone"],"NextToken":"more"}`), page(`{"QueueUrls":["`+url+`"]}`))
	got, err := w.queues.Runs(t.Context())
	if err != nil || len(got) != 1 || got[0].Run != w.run {
		t.Errorf("runs: %v, %v", got, err)
	}
	if len(asked) != 2 || !strings.Contains(asked[0], `"MaxResults":1000`) || !strings.Contains(asked[1], `"NextToken":"more"`) {
		t.Errorf("asked %q", asked)
	}
}

// A reader that has left takes nothing with it: whoever else reads the queue gets the message at once.
func TestGivenBack(t *testing.T) {
	w := newWorld(t)
	url := w.open("")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if body, err := w.queues.Receive(ctx, w.run); err == nil {
		t.Fatalf("received %q from an empty queue", body)
	}
	w.send("for others")
	out, err := w.client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: 15})
	if err != nil || len(out.Messages) != 1 || *out.Messages[0].Body != "for others" {
		t.Errorf("others got %v, %v", out, err)
	}
}
