package bucket_test

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/gofab/gofab/internal/cloud"
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
	for _, part := range []string{"operation error", "StatusCode", "RequestID", "api error", "upload multipart failed"} {
		if strings.Contains(err.Error(), part) {
			t.Errorf("the SDK's own words: %v", err)
		}
	}
}

func TestWords(t *testing.T) {
	for code, want := range map[string]struct{ says, remedy string }{
		"AccessDenied":       {"may not do s3:PutObject on mine", "add this one"},
		"ExpiredToken":       {"have expired", "log in again"},
		"InvalidAccessKeyId": {"does not know these credentials", "AWS_ACCESS_KEY_ID"},
		"EntityTooLarge":     {"s3:PutObject: EntityTooLarge: as ordered", ""},
	} {
		for op, size := range map[string]int{"PUT key": 1, "POST key?uploads": 8 << 20, "PUT key?uploadId": 9 << 20} {
			t.Run(code+" "+op, func(t *testing.T) {
				w := newWorld(t)
				w.make("mine")
				w.order(op, 100, refuse(400, code))
				_, err := w.upload("x", w.file("x", large(size)))
				readable(t, err, want.says, want.remedy)
			})
		}
	}
}

func TestDeniedOnTheBucketWithoutAName(t *testing.T) {
	w := newWorld(t)
	w.make("gofab-123456789012-eu-west-1")
	w.order("PUT key", 1, refuse(403, "AccessDenied"))
	_, err := w.buckets.Upload(t.Context(), cloud.Object{Run: "r", Key: "x", File: w.file("x", nil)})
	readable(t, err, "may not do s3:PutObject on gofab-123456789012-eu-west-1", awserr.PolicyHint)
	if strings.Contains(errorRemedy(err), "add this one") {
		t.Errorf("the policy covers it: %v", err)
	}
}

func errorRemedy(err error) string {
	var own interface{ Remedy() string }
	if !errors.As(err, &own) {
		return ""
	}
	return own.Remedy()
}

// Nobody answers.
func TestNoServer(t *testing.T) {
	w := newWorld(t)
	w.order("PUT key", 100, func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) })
	w.make("mine")
	_, err := w.upload("x", w.file("x", []byte("x")))
	readable(t, err, "to s3://mine/x: s3:PutObject: ", "is the network up")
}

// A file that grows or shrinks meanwhile is no matter of the network.
func TestChangedMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.make("mine")
	name := w.file("x", []byte("as it was"))
	w.order("HEAD key", 1, func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
		os.WriteFile(name, []byte("not so"), 0o644)
		rw.WriteHeader(http.StatusNotFound)
	})
	_, err := w.upload("x", name)
	if err == nil || err.Error() != "to s3://mine/x: "+name+" was changed while it was uploaded" {
		t.Errorf("%v", err)
	}
}
