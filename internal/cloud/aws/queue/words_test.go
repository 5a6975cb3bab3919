package queue_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/cloud/aws/awserr"
)

// readable expects words for a user, a remedy, and nothing of the SDK's own.
func readable(t *testing.T, err error, says, remedy string) {
	t.Helper()
	var own *awserr.Error
	if !errors.As(err, &own) || !strings.Contains(err.Error(), says) || !strings.Contains(own.Remedy(), remedy) {
		t.Errorf("%v: %+v; want %q and the remedy %q", err, own, says, remedy)
		return
	}
	for _, part := range []string{"operation error", "StatusCode", "RequestID", "api error"} {
		if strings.Contains(err.Error(), part) {
			t.Errorf("the SDK's own words: %v", err)
		}
	}
}

func TestWords(t *testing.T) {
	for kind, want := range map[string]struct{ says, remedy string }{
		"com.amazon.coral.service#AccessDeniedException": {"may not do sqs:SendMessage", "gofab check aws --policy"},
		"com.amazon.coral.service#ExpiredTokenException": {"have expired", "log in again"},
		"com.amazon.coral.service#InvalidClientTokenId":  {"does not know these credentials", "AWS_ACCESS_KEY_ID"},
	} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t)
			w.open("")
			w.net.order("SendMessage", fail(400, kind))
			err := w.queues.Send(t.Context(), w.run, []byte("x"))
			readable(t, err, want.says, want.remedy)
			readable(t, err, "gofab-"+w.run, "")
		})
	}
}

// The policy that gofab prints covers its own queues.
func TestDeniedOnAQueueOfOnesOwn(t *testing.T) {
	w := newWorld(t)
	w.net.order("GetQueueUrl", fail(400, "com.amazon.coral.service#AccessDeniedException"))
	_, err := w.queues.Open(t.Context(), w.run, "results", time.Time{})
	readable(t, err, "may not do sqs:GetQueueUrl on the queue results", "add this one")
}

func TestNoSuchQueue(t *testing.T) {
	w := newWorld(t)
	_, err := w.queues.Open(t.Context(), w.run, "nowhere", time.Time{})
	readable(t, err, "there is no queue nowhere in this region and account", "see queue:")
}
