package queue_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/gofab/gofab/internal/cloud/aws/queue"
)

// shorten makes messages that were not deleted come again after a second.
func (w *world) shorten(url string) {
	w.t.Helper()
	_, err := w.client.SetQueueAttributes(w.t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: map[string]string{"VisibilityTimeout": "1"}})
	if err != nil {
		w.t.Fatal(err)
	}
}

// The deletion does not arrive, so SQS delivers the message again.
func TestDuplicateDelivery(t *testing.T) {
	w := newWorld(t)
	w.shorten(w.open(""))
	w.net.order("DeleteMessage", fail(400, "com.amazonaws.sqs#UnsupportedOperation"))
	w.send("once")
	if got := w.receive(); got != "once" {
		t.Errorf("received %q", got)
	}
	w.nothing(4 * time.Second)
	if n := w.net.count("DeleteMessage"); n != 2 {
		t.Errorf("deleted %d times: the second delivery should be deleted, too", n)
	}
}

// The answer to SendMessage is lost, so the SDK sends again, and SQS has two messages.
func TestAnswerToSendLost(t *testing.T) {
	w := newWorld(t)
	w.open("")
	w.net.order("SendMessage", loseAnswer)
	w.send("once")
	if n := w.net.count("SendMessage"); n != 2 {
		t.Fatalf("sent %d times", n)
	}
	if got := w.receive(); got != "once" {
		t.Errorf("received %q", got)
	}
	w.nothing(2 * time.Second)
	if n := w.net.count("DeleteMessage"); n != 2 {
		t.Errorf("%d of the two were deleted", n)
	}
}

// The answer to ReceiveMessage is lost: the message comes again when it is visible again.
func TestAnswerToReceiveLost(t *testing.T) {
	w := newWorld(t)
	w.shorten(w.open(""))
	w.send("late")
	w.net.order("ReceiveMessage", loseAnswer)
	if got := w.receive(); got != "late" {
		t.Errorf("received %q", got)
	}
}

// That a message is out of our hands when we delete it is no reason to lose it.
func TestReceiptInvalid(t *testing.T) {
	for _, kind := range []string{"ReceiptHandleIsInvalid", "MessageNotInflight"} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t)
			w.open("")
			w.net.order("DeleteMessage", fail(400, "com.amazonaws.sqs#"+kind))
			w.send("hello")
			if got := w.receive(); got != "hello" {
				t.Errorf("received %q", got)
			}
		})
	}
}

func TestAnswerToOpenLost(t *testing.T) {
	w := newWorld(t)
	w.net.order("CreateQueue", loseAnswer)
	w.open("")
	w.send("hello")
	if got := w.receive(); got != "hello" {
		t.Errorf("received %q", got)
	}
}

func TestAnswerToDeleteLost(t *testing.T) {
	w := newWorld(t)
	w.open("")
	w.net.order("DeleteQueue", loseAnswer)
	if err := w.queues.Delete(t.Context(), w.run); err != nil {
		t.Error(err)
	}
}

func TestQueueDeletedRecently(t *testing.T) {
	w := newWorld(t)
	w.open("")
	if err := w.queues.Delete(t.Context(), w.run); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err := w.queues.Open(t.Context(), w.run, "", time.Time{})
	readable(t, err, "less than 60 seconds ago", "start a new run")
	if took := time.Since(began); took > 10*time.Second || w.net.count("CreateQueue") != 2 {
		t.Errorf("it took %v and %d calls", took, w.net.count("CreateQueue"))
	}
}

func TestQueueNameExists(t *testing.T) {
	w := newWorld(t)
	name := "gofab-" + w.run
	if _, err := w.client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{"VisibilityTimeout": "7", "ReceiveMessageWaitTimeSeconds": "20"}}); err != nil {
		t.Fatal(err)
	}
	_, err := w.queues.Open(t.Context(), w.run, "", time.Time{})
	if err == nil || !strings.Contains(err.Error(), `VisibilityTimeout is "7", not "60"`) || strings.Contains(err.Error(), "ReceiveMessageWaitTimeSeconds") {
		t.Errorf("open: %v", err)
	}
}

func TestAccessDenied(t *testing.T) {
	w := newWorld(t)
	w.net.order("CreateQueue", fail(403, "com.amazon.coral.service#AccessDeniedException"))
	if _, err := w.queues.Open(t.Context(), w.run, "", time.Time{}); err == nil || !strings.Contains(err.Error(), "may not do sqs:CreateQueue") {
		t.Errorf("open: %v", err)
	}
}

func TestReceiveFromADeletedQueue(t *testing.T) {
	w := newWorld(t)
	w.open("")
	if err := queue.New(w.client, "").Delete(t.Context(), w.run); err != nil {
		t.Fatal(err)
	}
	if body, err := w.queues.Receive(t.Context(), w.run); err == nil || !strings.Contains(err.Error(), "there is no queue") {
		t.Errorf("received %q, %v", body, err)
	}
	if err := w.queues.Send(t.Context(), w.run, []byte("x")); err == nil || !strings.Contains(err.Error(), "has no queue") {
		t.Errorf("sent: %v", err)
	}
}

func TestReceiveCancelled(t *testing.T) {
	w := newWorld(t)
	w.open("")
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(300*time.Millisecond, func() { cancel(why) })
	began := time.Now()
	if body, err := w.queues.Receive(ctx, w.run); !errors.Is(err, why) {
		t.Errorf("received %q, %v", body, err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v to return", took)
	}
}

func TestReceiveWhileItIsDeleted(t *testing.T) {
	w := newWorld(t)
	w.open("")
	received := make(chan error)
	go func() {
		_, err := w.queues.Receive(t.Context(), w.run)
		received <- err
	}()
	for w.net.count("ReceiveMessage") == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	if err := w.queues.Delete(t.Context(), w.run); err != nil {
		t.Error(err)
	}
	if err := <-received; err == nil {
		t.Error("received, but there was no message")
	}
}
