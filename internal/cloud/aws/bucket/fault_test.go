package bucket_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/cloud"
)

// What S3 refuses is said in words, with what to do.
func TestErrors(t *testing.T) {
	past := time.Now().Add(-20 * time.Minute).UTC().Format(http.TimeFormat)
	for name, test := range map[string]struct {
		op    string
		fault fault
		size  int
		want  string
	}{
		"no bucket":        {"PUT key", refuse(404, "NoSuchBucket"), 1, "there is no bucket mine"},
		"denied":           {"PUT key", refuse(403, "AccessDenied"), 1, "may not do s3:PutObject on mine"},
		"denied, in parts": {"POST key?uploads", refuse(403, "AccessDenied"), 8 << 20, "may not do s3:PutObject on mine"},
		"clock":            {"PUT key", refuse(403, "RequestTimeTooSkewed", "Date", past), 1, "the clock of this computer is 20m"},
		"moved":            {"PUT key", refuse(301, "PermanentRedirect", "X-Amz-Bucket-Region", "us-west-2"), 1, "bucket mine is in region us-west-2, and this run works in eu-west-1"},
		"malformed region": {"PUT key", refuse(400, "AuthorizationHeaderMalformed", "X-Amz-Bucket-Region", "us-west-2"), 1, "is in region us-west-2"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.make("mine")
			w.order(test.op, 10, test.fault)
			_, err := w.upload("x", w.file("x", large(test.size)))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestErrorsOfCreating(t *testing.T) {
	for name, test := range map[string]struct {
		op    string
		fault fault
		want  string
	}{
		"taken":  {"PUT bucket", refuse(409, "BucketAlreadyExists"), "somebody else has a bucket mine"},
		"name":   {"PUT bucket", refuse(400, "InvalidBucketName"), `"mine" cannot name a bucket`},
		"denied": {"PUT bucket", refuse(403, "AccessDenied"), "may not do s3:CreateBucket on mine"},
		"moved":  {"HEAD bucket", refuse(301, "", "X-Amz-Bucket-Region", "us-west-2"), "is in region us-west-2"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.order(test.op, 10, test.fault)
			_, err := w.buckets.Upload(t.Context(), cloud.Object{Bucket: "mine", Create: true, Key: "x", File: w.file("x", nil)})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if n := len(w.asked("PUT key")); n > 0 {
				t.Error("it went on")
			}
		})
	}
}

// Who may not list a bucket may still write to it.
func TestCreateWithoutLooking(t *testing.T) {
	w := newWorld(t)
	w.make("mine")
	w.order("HEAD bucket", 1, refuse(403, ""))
	if _, err := w.buckets.Upload(t.Context(), cloud.Object{Bucket: "mine", Create: true, Key: "x", File: w.file("x", nil)}); err != nil {
		t.Error(err)
	}
	if n := len(w.asked("PUT bucket")); n > 0 {
		t.Error("it was made anew")
	}
}

func TestSlowDown(t *testing.T) {
	w := newWorld(t)
	w.make("mine")
	busy := refuse(503, "SlowDown")
	w.order("PUT key", 3, busy)
	if _, err := w.upload("x", w.file("x", []byte("late"))); err != nil {
		t.Errorf("busy three times: %v", err)
	}
	w.stored("mine", "x", []byte("late"))
	w.order("PUT key", 100, busy)
	_, err := w.upload("y", w.file("y", nil))
	readable(t, err, "S3 was busy for 6 attempts", "try again later")
	if n := len(w.asked("PUT key")); n != 4+6 {
		t.Errorf("%d requests", n)
	}
}

// Every request can lose its answer; what is stored is the same.
func TestAnswerLost(t *testing.T) {
	for _, op := range []string{"PUT bucket", "PUT key", "POST key?uploads", "PUT key?uploadId"} {
		t.Run(op, func(t *testing.T) {
			w := newWorld(t)
			w.order(op, 1, loseAnswer)
			size := 5
			if strings.Contains(op, "?") {
				size = 9 << 20
			}
			content := large(size)
			if _, err := w.buckets.Upload(t.Context(), cloud.Object{Bucket: "mine", Create: true, Key: "x", File: w.file("x", content)}); err != nil {
				t.Fatal(err)
			}
			w.stored("mine", "x", content)
		})
	}
}

// A part that fails for good, and a cancel, leave nothing behind that is billed.
func TestPartsAreGivenUp(t *testing.T) {
	w := newWorld(t)
	w.make("mine")
	w.order("PUT key?uploadId", 10, refuse(403, "AccessDenied"))
	if _, err := w.upload("x", w.file("x", large(20<<20))); err == nil || !strings.Contains(err.Error(), "s3:PutObject") {
		t.Errorf("upload: %v", err)
	}
	w.noParts("mine")
}

func TestCancelled(t *testing.T) {
	for op, size := range map[string]int{"PUT key": 5, "PUT key?uploadId": 20 << 20} {
		t.Run(op, func(t *testing.T) {
			w := newWorld(t)
			w.make("mine")
			why := errors.New("enough")
			ctx, cancel := context.WithCancelCause(t.Context())
			w.order(op, 10, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
				io.Copy(io.Discard, r.Body) // or the server does not notice that nobody waits
				cancel(why)
				<-r.Context().Done()
			})
			began := time.Now()
			_, err := w.buckets.Upload(ctx, cloud.Object{Bucket: "mine", Key: "x", File: w.file("x", large(size))})
			if !errors.Is(err, why) {
				t.Errorf("upload: %v", err)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %v to return", took)
			}
			w.noParts("mine")
		})
	}
}
