package bucket

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// explain puts into words what a person can do something about.
func (b *Buckets) explain(p place, err error) error {
	if err == nil {
		return nil
	}
	if region := regionOf(err); region != "" && region != b.region {
		return fmt.Errorf("bucket %s is in region %s, and this run works in %s: choose that region or another bucket: %w", p.bucket, region, b.region, err)
	}
	switch code(err) {
	case "NoSuchBucket":
		return fmt.Errorf("there is no bucket %s: say `create: true`, or name one that there is: %w", p.bucket, err)
	case "BucketAlreadyExists":
		return fmt.Errorf("somebody else has a bucket %s, and a name is given once in the world: choose another with `bucket:`: %w", p.bucket, err)
	case "InvalidBucketName":
		return fmt.Errorf("%q cannot name a bucket: 3 to 63 lower-case letters, digits, dots and hyphens: %w", p.bucket, err)
	case "AccessDenied", "AllAccessDisabled", "Forbidden":
		return fmt.Errorf("these credentials may not do %s on %s%s: %w", action(err), p.bucket, p.mustOwn(), err)
	case "SlowDown", "ServiceUnavailable":
		return fmt.Errorf("S3 was busy for %d attempts; the file is still here, so try again later: %w", attempts, err)
	case "RequestTimeTooSkewed":
		return fmt.Errorf("the clock of this computer is %s: set it: %w", skew(err), err)
	}
	return err
}

// mustOwn adds a reason for a refusal that nobody would think of.
func (p place) mustOwn() string {
	if p.owner == nil {
		return ""
	}
	return fmt.Sprintf(", or account %s does not own it", *p.owner)
}

// code is the word that S3 has for an error.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// action is what IAM calls the operation that was refused. Uploading in parts is PutObject, too.
func action(err error) string {
	var operation *smithy.OperationError
	if !errors.As(err, &operation) {
		return "this"
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
