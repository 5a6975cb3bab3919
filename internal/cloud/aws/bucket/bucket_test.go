package bucket_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/aws/bucket"
	"github.com/gofab/gofab/internal/cloud/cloudtest"
)

func TestContract(t *testing.T) {
	w := newWorld(t)
	cloudtest.TestBucket(t, w.buckets, "20261124-1")
	if n := len(w.asked("PUT bucket")); n != 1 {
		t.Errorf("the bucket was made %d times", n)
	}
	w.stored("gofab-123456789012-eu-west-1", "20261124-1/ünï/cödé 日本", []byte("golden"))
}

func (w *world) upload(key, file string) (cloud.Stored, error) {
	return w.buckets.Upload(w.t.Context(), cloud.Object{Run: "r", Bucket: "mine", Key: key, File: file})
}

func TestKeys(t *testing.T) {
	w := newWorld(t)
	w.make("mine")
	file := w.file("x", []byte("golden"))
	for _, key := range []string{"a", "a b/c+d", "50%", "%41", "?x=1&y", "#1", `"'<>`, "日本/é", "..x", "-rf", "a~b", "a*b(c)!", strings.Repeat("x/", 511) + "xx"} {
		stored, err := w.upload(key, file)
		if err != nil || stored.Place != "s3://mine/"+key {
			t.Errorf("%q: %q, %v", key, stored.Place, err)
		}
		w.stored("mine", key, []byte("golden"))
	}
	if _, err := w.upload(strings.Repeat("x", 1025), file); err == nil {
		t.Error("a key that is too long was taken")
	}
}

func TestWhatAnObjectSaysOfItself(t *testing.T) {
	w := newWorld(t)
	w.make("mine")
	for name, want := range map[string]string{
		"Instance0.log": "text/plain; charset=utf-8", "a.json": "application/json", "x.png": "image/png", "page.html": "text/html; charset=utf-8",
		"text": "text/plain; charset=utf-8", "binary": "application/octet-stream",
	} {
		content := []byte("some text")
		if name == "binary" {
			content = []byte{0, 1, 2, 3}
		}
		if _, err := w.upload(name, w.file(name, content)); err != nil {
			t.Fatal(err)
		}
		out := w.stored("mine", name, content)
		sum := sha256.Sum256(content)
		if aws.ToString(out.ContentType) != want || out.Metadata["sha256"] != hex.EncodeToString(sum[:]) {
			t.Errorf("%s is %s with %v", name, aws.ToString(out.ContentType), out.Metadata)
		}
	}
	for _, r := range w.asked("PUT key") { // S3 is told the sum of what it shall have received
		if sum, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Amz-Checksum-Sha256")); err != nil || len(sum) != sha256.Size {
			t.Errorf("%s: sent with the checksum %q", r.URL.Path, r.Header.Get("X-Amz-Checksum-Sha256"))
		}
	}
}

// For endpoints that know no checksums, AWS_REQUEST_CHECKSUM_CALCULATION=when_required.
func TestWithoutChecksums(t *testing.T) {
	w := newWorld(t)
	w.make("mine")
	w.cfg.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	w.buckets = bucket.New(w.cfg, account)
	for _, size := range []int{5, 9 << 20} {
		content := large(size)
		if _, err := w.upload("x", w.file("x", content)); err != nil {
			t.Fatal(err)
		}
		w.stored("mine", "x", content)
	}
	for _, r := range append(w.asked("PUT key"), w.asked("PUT key?uploadId")...) {
		for name := range r.Header {
			if strings.HasPrefix(name, "X-Amz-Checksum") || name == "X-Amz-Trailer" {
				t.Errorf("%s %s has %s", r.Method, r.URL, name)
			}
		}
	}
}

func TestSizes(t *testing.T) {
	w := newWorld(t)
	w.make("mine")
	const part = 8 << 20
	for _, size := range []int{0, 1, part - 1, part, part + 1, 3*part + 5} {
		content := large(size)
		file := w.file("x", content)
		var most atomic.Int64
		stored, err := w.buckets.Upload(t.Context(), cloud.Object{Bucket: "mine", Key: "x", File: file, Sent: func(n int64) { most.Store(max(most.Load(), n)) }})
		if err != nil || stored.Unchanged || most.Load() != int64(size) {
			t.Errorf("%d bytes: %+v, %v; %d sent", size, stored, err, most.Load())
		}
		w.stored("mine", "x", content)
		if stored, err = w.upload("x", file); err != nil || !stored.Unchanged {
			t.Errorf("%d bytes again: %+v, %v", size, stored, err)
		}
	}
	w.noParts("mine")
}

func TestUnchanged(t *testing.T) {
	w := newWorld(t)
	w.make("mine")
	for _, step := range []struct {
		content   string
		unchanged bool
	}{{"one", false}, {"one", true}, {"two", false}, {"two!", false}, {"two!", true}} {
		stored, err := w.upload("x", w.file("x", []byte(step.content)))
		if err != nil || stored.Unchanged != step.unchanged || stored.Place != "s3://mine/x" {
			t.Errorf("%s: %+v, %v", step.content, stored, err)
		}
		w.stored("mine", "x", []byte(step.content))
	}
	// Who may write but not look uploads.
	w.order("HEAD key", 1, refuse(403, "AccessDenied"))
	if stored, err := w.upload("x", w.file("x", []byte("two!"))); err != nil || stored.Unchanged {
		t.Errorf("without looking: %+v, %v", stored, err)
	}
}

func TestCreate(t *testing.T) {
	w := newWorld(t)
	file := w.file("x", []byte("golden"))
	var work sync.WaitGroup
	for _, key := range []string{"a", "b", "c", "d"} {
		work.Go(func() {
			if _, err := w.buckets.Upload(t.Context(), cloud.Object{Bucket: "new", Create: true, Key: key, File: file}); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	made := w.asked("PUT bucket")
	if len(made) != 1 {
		t.Fatalf("it was made %d times", len(made))
	}
	if made[0].ContentLength <= 0 {
		t.Error("outside us-east-1 the region must be said")
	}
	// Another process finds it, and makes nothing.
	if _, err := bucket.New(w.cfg, account).Upload(t.Context(), cloud.Object{Bucket: "new", Create: true, Key: "e", File: file}); err != nil {
		t.Error(err)
	}
	w.order("HEAD bucket", 1, refuse(404, "NotFound")) // somebody makes it between our look and our request
	w.order("PUT bucket", 1, refuse(409, "BucketAlreadyOwnedByYou"))
	if _, err := bucket.New(w.cfg, account).Upload(t.Context(), cloud.Object{Bucket: "new", Create: true, Key: "f", File: file}); err != nil {
		t.Error(err)
	}
	if n := len(w.asked("PUT bucket")); n != 2 {
		t.Errorf("%d requests to make it", n)
	}
}

func TestCreateInUsEast1(t *testing.T) {
	w := newWorld(t)
	w.cfg.Region = "us-east-1"
	if _, err := bucket.New(w.cfg, account).Upload(t.Context(), cloud.Object{Bucket: "new", Create: true, Key: "a", File: w.file("x", nil)}); err != nil {
		t.Fatal(err)
	}
	if made := w.asked("PUT bucket"); len(made) != 1 || made[0].ContentLength > 0 {
		t.Error("us-east-1 must not be said")
	}
}

// On AWS itself the bucket is in the host's name, and the default one must be the account's own.
func TestOnAWS(t *testing.T) {
	w := newWorld(t)
	w.cfg.BaseEndpoint = nil
	var hosts, owners []string
	w.cfg.HTTPClient = doer(func(r *http.Request) (*http.Response, error) {
		hosts, owners = append(hosts, r.URL.Host), append(owners, r.Header.Get("X-Amz-Expected-Bucket-Owner"))
		return nil, errors.New("not connected")
	})
	w.cfg.RetryMaxAttempts = 1
	b := bucket.New(w.cfg, account)
	for _, name := range []string{"", "mine"} {
		hosts, owners = nil, nil
		if _, err := b.Upload(t.Context(), cloud.Object{Run: "r", Bucket: name, Key: "a", File: w.file("x", nil)}); err == nil {
			t.Fatal("uploaded to nowhere")
		}
		host, owner := "gofab-123456789012-eu-west-1.s3.eu-west-1.amazonaws.com", "123456789012"
		if name != "" {
			host, owner = "mine.s3.eu-west-1.amazonaws.com", ""
		}
		if len(hosts) != 2 {
			t.Errorf("%d requests, not HEAD and PUT", len(hosts))
		}
		for i := range hosts {
			if hosts[i] != host || owners[i] != owner {
				t.Errorf("bucket %q: request to %s, expected owner %q", name, hosts[i], owners[i])
			}
		}
	}
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

func TestUnknownAccount(t *testing.T) {
	w := newWorld(t)
	b := bucket.New(w.cfg, func(context.Context) (string, error) { return "", errors.New("no credentials") })
	if _, err := b.Upload(t.Context(), cloud.Object{Run: "r", Key: "a", File: w.file("x", nil)}); err == nil || !strings.Contains(err.Error(), "no credentials") {
		t.Errorf("upload: %v", err)
	}
}

// A log may grow while it is uploaded: what is stored is what there was when it began.
func TestAGrowingFile(t *testing.T) {
	w := newWorld(t)
	w.make("mine")
	content := large(20 << 20)
	file := w.file("x", content)
	w.order("POST key?uploads", 1, func(rw http.ResponseWriter, r *http.Request, pass http.Handler) {
		f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteString("one more line\n")
			f.Close()
		}
		if err != nil {
			t.Error(err)
		}
		pass.ServeHTTP(rw, r)
	})
	if _, err := w.upload("x", file); err != nil {
		t.Fatal(err)
	}
	w.stored("mine", "x", content)
}

// What is stored has the sum that it says. A file that becomes another while it is read is none.
func TestAChangingFile(t *testing.T) {
	w := newWorld(t)
	w.make("mine")
	for _, op := range []string{"HEAD key", "POST key?uploads"} {
		content := large(20 << 20)
		file := w.file("x", content)
		w.order(op, 1, func(rw http.ResponseWriter, r *http.Request, pass http.Handler) {
			if err := os.WriteFile(file, large(20 << 20)[1:], 0o644); err != nil {
				t.Error(err)
			}
			pass.ServeHTTP(rw, r)
		})
		if _, err := w.upload("x", file); err == nil || !strings.Contains(err.Error(), "was changed while it was uploaded") {
			t.Errorf("upload: %v", err)
		}
	}
	if n := len(w.asked("POST key?uploadId")); n > 0 {
		t.Error("it was completed")
	}
	w.noParts("mine")
}
