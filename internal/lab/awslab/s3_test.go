package awslab

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func (e *Endpoint) s3Client() *awss3.Client { return awss3.NewFromConfig(e.config("eu-west-1")) }

func makeBucket(t *testing.T, c *awss3.Client, name string) *string {
	t.Helper()
	_, err := c.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: &name, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}})
	must(t, err)
	return &name
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.s3Client()
	_, err := c.HeadBucket(t.Context(), &awss3.HeadBucketInput{Bucket: aws.String("logs")})
	want(t, err, "NotFound")
	bucket := makeBucket(t, c, "logs")
	_, err = c.HeadBucket(t.Context(), &awss3.HeadBucketInput{Bucket: bucket})
	must(t, err)
	list, err := c.ListBuckets(t.Context(), nil)
	must(t, err)
	if len(list.Buckets) != 1 || *list.Buckets[0].Name != "logs" {
		t.Errorf("buckets: %+v", list.Buckets)
	}
	_, err = c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("none"), Key: aws.String("k"), Body: strings.NewReader("x")})
	want(t, err, "NoSuchBucket")
	_, err = c.DeleteBucket(t.Context(), &awss3.DeleteBucketInput{Bucket: bucket})
	must(t, err)
}

func TestObjects(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.s3Client()
	bucket := makeBucket(t, c, "logs")
	key := aws.String("run/höst 1.log")
	put, err := c.PutObject(t.Context(), &awss3.PutObjectInput{
		Bucket: bucket, Key: key, Body: strings.NewReader("hello"), ContentType: aws.String("text/plain; charset=utf-8"), Metadata: map[string]string{"run": "r1"},
	})
	must(t, err)
	head, err := c.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: bucket, Key: key})
	must(t, err)
	if *head.ContentLength != 5 || *head.ContentType != "text/plain; charset=utf-8" || head.Metadata["run"] != "r1" || *head.ETag != *put.ETag || *head.ETag != `"5d41402abc4b2a76b9719d911017c592"` {
		t.Errorf("head: %+v", head)
	}
	got, err := c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: bucket, Key: key})
	must(t, err)
	text, err := io.ReadAll(got.Body)
	if err != nil || string(text) != "hello" {
		t.Errorf("got %q, %v", text, err)
	}
	list, err := c.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("run/")})
	must(t, err)
	if len(list.Contents) != 1 || *list.Contents[0].Key != *key || *list.Contents[0].Size != 5 {
		t.Errorf("list: %+v", list.Contents)
	}
	_, err = c.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: bucket, Key: key})
	must(t, err)
	_, err = c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: bucket, Key: key})
	want(t, err, "NoSuchKey")
	for n, action := range []string{"CreateBucket", "PutObject", "HeadObject", "GetObject", "ListObjectsV2", "DeleteObject", "GetObject"} {
		if call := e.Calls()[n]; call.Service != "s3" || call.Action != action || call.Params.Get("Bucket") != "logs" {
			t.Errorf("call %d: %+v", n, call)
		}
	}
	if last := e.Calls()[6]; last.Code != "NoSuchKey" || last.Status != 404 || last.Params.Get("Key") != *key {
		t.Errorf("last call: %+v", last)
	}
}

func TestMultipart(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.s3Client()
	bucket := makeBucket(t, c, "logs")
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // 16 MiB
	m := transfermanager.New(c, func(o *transfermanager.Options) { o.PartSizeBytes, o.MultipartUploadThreshold = 5<<20, 5<<20 })
	_, err := m.UploadObject(t.Context(), &transfermanager.UploadObjectInput{Bucket: bucket, Key: aws.String("big"), Body: bytes.NewReader(body)})
	must(t, err)
	got, err := c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: bucket, Key: aws.String("big")})
	must(t, err)
	text, err := io.ReadAll(got.Body)
	must(t, err)
	if !bytes.Equal(text, body) {
		t.Errorf("%d bytes came back", len(text))
	}
	count := map[string]int{}
	for _, call := range e.Calls() {
		count[call.Action]++
	}
	if count["CreateMultipartUpload"] != 1 || count["UploadPart"] != 4 || count["CompleteMultipartUpload"] != 1 {
		t.Errorf("calls: %v", count)
	}
}

func TestS3Faults(t *testing.T) {
	t.Parallel()
	e := start(t, Config{Denied: []string{"DeleteObject"}})
	c := e.s3Client()
	bucket := makeBucket(t, c, "logs")
	e.Fault(Fault{Action: "PutObject", Code: "SlowDown", Message: "Please reduce your request rate."})
	put := &awss3.PutObjectInput{Bucket: bucket, Key: aws.String("k"), Body: strings.NewReader("x")}
	_, err := c.PutObject(t.Context(), put)
	want(t, err, "SlowDown")
	_, err = c.PutObject(t.Context(), put)
	must(t, err)
	_, err = c.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: bucket, Key: aws.String("k")})
	want(t, err, "AccessDenied")

	// Without a signature nobody gets it, with one in the URL everybody does.
	res, err := http.Get(e.URL() + "/logs/k")
	must(t, err)
	res.Body.Close()
	signedURL, err := awss3.NewPresignClient(c).PresignGetObject(t.Context(), &awss3.GetObjectInput{Bucket: bucket, Key: aws.String("k")})
	must(t, err)
	with, err := http.Get(signedURL.URL)
	must(t, err)
	with.Body.Close()
	if res.StatusCode != http.StatusForbidden || with.StatusCode != http.StatusOK {
		t.Errorf("%d without, %d with a signature", res.StatusCode, with.StatusCode)
	}
}

func TestChecksums(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.s3Client()
	bucket := makeBucket(t, c, "logs")
	for _, algorithm := range []types.ChecksumAlgorithm{"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"} {
		_, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: bucket, Key: aws.String(string(algorithm)), Body: strings.NewReader("hello"), ChecksumAlgorithm: algorithm})
		must(t, err)
	}
	_, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: bucket, Key: aws.String("bad"), Body: strings.NewReader("hello"), ChecksumSHA256: aws.String("AAAA")})
	want(t, err, "BadDigest")
	_, err = c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: bucket, Key: aws.String("bad"), Body: strings.NewReader("hello"), ContentMD5: aws.String("AAAAKrxLKna5cZ2REBfFkg==")})
	want(t, err, "BadDigest")
	list, err := c.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: bucket})
	must(t, err)
	if len(list.Contents) != 5 {
		t.Errorf("list: %+v", list.Contents)
	}
}

func TestABucketHasARegion(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.s3Client()
	bucket := makeBucket(t, c, "logs")
	head, err := c.HeadBucket(t.Context(), &awss3.HeadBucketInput{Bucket: bucket})
	must(t, err)
	where, err := c.GetBucketLocation(t.Context(), &awss3.GetBucketLocationInput{Bucket: bucket})
	must(t, err)
	if *head.BucketRegion != "eu-west-1" || where.LocationConstraint != "eu-west-1" {
		t.Errorf("region %s, %s", *head.BucketRegion, where.LocationConstraint)
	}
	_, err = c.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: bucket})
	want(t, err, "BucketAlreadyOwnedByYou")
	_, err = awss3.NewFromConfig(e.config("us-east-1")).CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: bucket})
	must(t, err)
}
