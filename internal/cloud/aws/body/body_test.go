package body_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"

	"github.com/gofab/gofab/internal/cloud/aws/body"
)

// client reads a request's body as net/http does, answers 500 to the first, and keeps the last.
type client struct {
	t    *testing.T
	last *http.Request
	sent []string
}

func (c *client) Do(r *http.Request) (*http.Response, error) {
	var sent bytes.Buffer
	if n, err := io.Copy(&sent, io.LimitReader(r.Body, r.ContentLength)); n != r.ContentLength || err != nil {
		c.t.Errorf("read %d of %d bytes: %v", n, r.ContentLength, err)
	}
	status := http.StatusInternalServerError
	if c.last != nil {
		status = http.StatusOK
	}
	c.last, c.sent = r, append(c.sent, sent.String())
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(
		"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"))}, nil
}

// What net/http reads of a body after the answer has begun is its end, not a failure.
func TestPlain(t *testing.T) {
	config := func(c *client) aws.Config {
		return aws.Config{
			Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secret", ""),
			HTTPClient: c, APIOptions: []func(*middleware.Stack) error{body.Plain},
		}
	}
	for name, test := range map[string]struct {
		call func(aws.Config) error
		want string
	}{
		"form": {func(cfg aws.Config) error {
			_, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil)
			return err
		}, "Action=GetCallerIdentity&Version=2011-06-15"},
		"file": {func(cfg aws.Config) error {
			_, err := s3.NewFromConfig(cfg).PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("b"), Key: aws.String("k"), Body: strings.NewReader("text")})
			return err
		}, "text"},
	} {
		t.Run(name, func(t *testing.T) {
			c := &client{t: t}
			if err := test.call(config(c)); err != nil {
				t.Fatal(err)
			}
			if len(c.sent) != 2 || c.sent[0] != c.sent[1] || !strings.Contains(c.sent[0], test.want) {
				t.Errorf("sent %q, want %q twice", c.sent, test.want)
			}
			if n, err := io.Copy(io.Discard, c.last.Body); n != 0 || err != nil {
				t.Errorf("after the answer: %d bytes, %v", n, err)
			}
		})
	}
}
