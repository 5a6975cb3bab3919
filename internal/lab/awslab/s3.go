package awslab

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// s3 is the Simple Storage Service, by gofakes3, with buckets in memory that all regions share.
// What that does not do as S3 does is done here: see s3check.go.
type s3 struct {
	http.Handler
	homes *sync.Map // region by bucket
}

func newS3() s3 { return s3{gofakes3.New(s3mem.New()).Server(), &sync.Map{}} }

func (s s3) handle(req *http.Request, c Call, body []byte, _ Fault) answer {
	if err := checkDigests(c, req.Header, body); err != nil {
		return s.refuse(c, err)
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	w := httptest.NewRecorder()
	s.ServeHTTP(w, req)
	out := answer{status: w.Code, header: w.Result().Header, body: w.Body.Bytes()}
	if out.status >= http.StatusBadRequest {
		var failure struct{ Code string }
		xml.Unmarshal(out.body, &failure)
		out.code = defaultTo(failure.Code, http.StatusText(out.status))
	}
	return s.correct(c, out)
}

func (s s3) refuse(_ Call, err *apiError) answer {
	if err.Code == "AuthFailure" { // it is EC2's word
		err = &apiError{http.StatusForbidden, "AccessDenied", "Access Denied"}
	}
	var text bytes.Buffer
	text.WriteString(xml.Header)
	xml.NewEncoder(&text).Encode(struct {
		XMLName   xml.Name `xml:"Error"`
		Code      string
		Message   string
		RequestID string `xml:"RequestId"`
	}{Code: err.Code, Message: err.Message, RequestID: newUUID()})
	out := xmlAnswer(err.status(), &text)
	out.code = err.Code
	return out
}

// s3Action names what a request of the REST protocol does, and to what.
func s3Action(req *http.Request) (string, url.Values) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	about := url.Values{}
	if bucket == "" {
		return "ListBuckets", about
	}
	about.Set("Bucket", bucket)
	query := req.URL.Query()
	if key != "" {
		about.Set("Key", key)
		return objectAction(req, query), about
	}
	switch {
	case query.Has("location"):
		return "GetBucketLocation", about
	case query.Has("uploads"):
		return "ListMultipartUploads", about
	case query.Has("delete"):
		return "DeleteObjects", about
	}
	switch req.Method {
	case http.MethodPut:
		return "CreateBucket", about
	case http.MethodHead:
		return "HeadBucket", about
	case http.MethodDelete:
		return "DeleteBucket", about
	}
	if query.Get("list-type") == "2" {
		return "ListObjectsV2", about
	}
	return "ListObjects", about
}

func objectAction(req *http.Request, query url.Values) string {
	upload := query.Has("uploadId")
	switch req.Method {
	case http.MethodPut:
		switch {
		case upload:
			return "UploadPart"
		case req.Header.Get("X-Amz-Copy-Source") != "":
			return "CopyObject"
		}
		return "PutObject"
	case http.MethodPost:
		if upload {
			return "CompleteMultipartUpload"
		}
		return "CreateMultipartUpload"
	case http.MethodHead:
		return "HeadObject"
	case http.MethodDelete:
		if upload {
			return "AbortMultipartUpload"
		}
		return "DeleteObject"
	}
	if upload {
		return "ListParts"
	}
	return "GetObject"
}
