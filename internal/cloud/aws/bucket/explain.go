package bucket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/gofab/gofab/internal/cloud/aws/awserr"
)

// explain puts into words what a person can do something about.
func (b *Buckets) explain(ctx context.Context, p place, err error) error {
	var changed *changedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &changed): // while the SDK read it
		return changed
	}
	if region := regionOf(err); region != "" && region != b.region {
		return awserr.New(err, "choose that region or another bucket", "bucket %s is in region %s, and this run works in %s", p.bucket, region, b.region)
	}
	switch code := awserr.Code(err); code {
	case "NoSuchBucket":
		return awserr.New(err, "say `create: true`, or name one that there is", "there is no bucket %s", p.bucket)
	case "BucketAlreadyExists":
		return awserr.New(err, "choose another with `bucket:`", "somebody else has a bucket %s, and a name is given once in the world", p.bucket)
	case "InvalidBucketName":
		return awserr.New(err, "3 to 63 lower-case letters, digits, dots and hyphens", "%q cannot name a bucket", p.bucket)
	case "SlowDown", "ServiceUnavailable":
		return awserr.New(err, "the file is still here: try again later", "S3 was busy for %d attempts", attempts)
	case "RequestTimeTooSkewed":
		return awserr.New(err, "set it", "the clock of this computer is %s", skew(err))
	case blank:
		return awserr.New(err, "the credentials may have expired: log in again", "%s on %s: S3 does not take the request, and does not say why", action(err), p.bucket)
	}
	if awserr.Is(err, awserr.Denied) {
		return awserr.New(err, p.policyHint(), "these credentials may not do %s on %s%s (%s)", action(err), p.bucket, p.mustOwn(), awserr.Code(err))
	}
	return awserr.Explain(ctx, action(err), err)
}

// blank is what the SDK makes of a HEAD that S3 refuses with status 400: such an answer has no
// body. Expired credentials are one reason.
const blank = "BadRequest"

func (p place) policyHint() string {
	if strings.HasPrefix(p.bucket, prefix) {
		return awserr.PolicyHint
	}
	return awserr.OwnNameHint
}

// mustOwn adds a reason for a refusal that nobody would think of.
func (p place) mustOwn() string {
	if p.owner == nil {
		return ""
	}
	return fmt.Sprintf(", or account %s does not own it", *p.owner)
}

// action is what IAM calls the operation that was refused. Uploading in parts is PutObject, too.
func action(err error) string {
	var operation *smithy.OperationError
	if !errors.As(err, &operation) {
		return "s3:PutObject"
	}
	switch name := operation.Operation(); name {
	case "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload":
		return "s3:PutObject"
	case "HeadBucket":
		return "s3:ListBucket"
	default:
		return "s3:" + name
	}
}

// response is the answer that an error came with; nil: there was none.
func response(err error) *http.Response {
	var r *smithyhttp.ResponseError
	if errors.As(err, &r) && r.Response != nil {
		return r.Response.Response
	}
	return nil
}

// status is the HTTP status that an error came with, or 0.
func status(err error) int {
	if r := response(err); r != nil {
		return r.StatusCode
	}
	return 0
}

// regionOf is where S3 says that the bucket is, or "".
func regionOf(err error) string {
	if r := response(err); r != nil {
		return r.Header.Get("X-Amz-Bucket-Region")
	}
	return ""
}

// skew says how far our clock is from the server's.
func skew(err error) string {
	if r := response(err); r != nil {
		if at, err := http.ParseTime(r.Header.Get("Date")); err == nil {
			d := time.Since(at).Round(time.Second)
			if d < 0 {
				return fmt.Sprintf("%v slow", -d)
			}
			return fmt.Sprintf("%v fast", d)
		}
	}
	return "wrong by more than 15 minutes"
}
