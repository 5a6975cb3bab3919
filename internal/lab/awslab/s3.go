package awslab

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// s3 is the Simple Storage Service, by gofakes3, with buckets in memory that all regions share.
type s3 struct{ http.Handler }

func newS3() http.Handler { return gofakes3.New(s3mem.New()).Server() }

func (s s3) handle(req *http.Request, _ Call, body []byte, _ Fault) answer {
	req.Body = io.NopCloser(bytes.NewReader(body))
	w := httptest.NewRecorder()
	s.ServeHTTP(w, req)
	out := answer{status: w.Code, header: w.Result().Header, body: w.Body.Bytes()}
	if out.status >= http.StatusBadRequest {
		var failure struct{ Code string }
		xml.Unmarshal(out.body, &failure)
		out.code = defaultTo(failure.Code, http.StatusText(out.status))
	}
	return out
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
