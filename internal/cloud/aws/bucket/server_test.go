package bucket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/aws/body"
	"github.com/gofab/gofab/internal/cloud/aws/bucket"
)

var _ cloud.Bucket = (*bucket.Buckets)(nil)

// world is an S3, the network before it, and the buckets that use it.
type world struct {
	t       *testing.T
	URL     string
	cfg     aws.Config
	client  *s3.Client
	buckets *bucket.Buckets

	mu       sync.Mutex
	requests []*http.Request
	faults   map[string][]fault
}

// fault happens to one request. Pass does what the server does otherwise.
type fault func(w http.ResponseWriter, r *http.Request, pass http.Handler)

func newWorld(t *testing.T) *world {
	t.Parallel()
	w := &world{t: t, faults: map[string][]fault{}}
	fake := gofakes3.New(s3mem.New()).Server()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if f := w.next(r); f != nil {
			f(rw, r, fake)
			return
		}
		fake.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	w.URL = server.URL
	w.cfg = aws.Config{
		Region: "eu-west-1", BaseEndpoint: &server.URL, APIOptions: []func(*middleware.Stack) error{body.Plain},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "secret"}, nil
		}),
	}
	w.buckets = bucket.New(w.cfg, account)
	w.client = s3.NewFromConfig(w.cfg, func(o *s3.Options) { o.UsePathStyle = true })
	return w
}

func account(context.Context) (string, error) { return "123456789012", nil }

// operation is what a request asks for, in short: PUT bucket, POST key?uploads and the like.
func operation(r *http.Request) string {
	what := "bucket"
	if strings.Count(strings.Trim(r.URL.Path, "/"), "/") > 0 {
		what = "key"
	}
	op := r.Method + " " + what
	for _, q := range []string{"uploads", "uploadId"} {
		if r.URL.Query().Has(q) {
			op += "?" + q
		}
	}
	return op
}

func (w *world) next(r *http.Request) fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests = append(w.requests, r)
	waiting := w.faults[operation(r)]
	if len(waiting) == 0 {
		return nil
	}
	w.faults[operation(r)] = waiting[1:]
	return waiting[0]
}

// order has the next requests of an operation meet with the fault.
func (w *world) order(operation string, times int, f fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for range times {
		w.faults[operation] = append(w.faults[operation], f)
	}
}

// asked lists the requests of an operation.
func (w *world) asked(op string) []*http.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []*http.Request
	for _, r := range w.requests {
		if operation(r) == op {
			all = append(all, r)
		}
	}
	return all
}

// refuse answers with an error as S3 writes it.
func refuse(status int, code string, headers ...string) fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		io.Copy(io.Discard, r.Body) // or the answer may meet with a connection that is still being written to
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>as ordered</Message></Error>", code)
	}
}

// loseAnswer: the request has its effect, and the connection dies before anybody hears of it.
func loseAnswer(_ http.ResponseWriter, r *http.Request, pass http.Handler) {
	pass.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// make makes a bucket.
func (w *world) make(name string) {
	w.t.Helper()
	if _, err := w.client.CreateBucket(w.t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests = nil
}

// file writes a file.
func (w *world) file(name string, content []byte) string {
	w.t.Helper()
	name = filepath.Join(w.t.TempDir(), name)
	if err := os.WriteFile(name, content, 0o644); err != nil {
		w.t.Fatal(err)
	}
	return name
}

// large is what goes in parts: n bytes, none like its neighbours.
func large(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * i >> 7)
	}
	return b
}

// stored checks that an object has this content, and returns it.
func (w *world) stored(bucket, key string, content []byte) *s3.GetObjectOutput {
	w.t.Helper()
	out, err := w.client.GetObject(w.t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		w.t.Fatal(err)
	}
	defer out.Body.Close()
	got, err := io.ReadAll(out.Body)
	if err != nil || !bytes.Equal(got, content) {
		w.t.Errorf("%s/%s has %d bytes, not the file's %d: %v", bucket, key, len(got), len(content), err)
	}
	return out
}

// noParts checks that no upload in parts was left open.
func (w *world) noParts(bucket string) {
	w.t.Helper()
	out, err := w.client.ListMultipartUploads(w.t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket})
	if code := new(smithy.GenericAPIError); errors.As(err, &code) && code.Code == "NoSuchUpload" {
		return // this server's way to say that there never was one
	}
	if err != nil {
		w.t.Error(err)
	} else if len(out.Uploads) > 0 {
		w.t.Errorf("%d uploads were left open", len(out.Uploads))
	}
}
