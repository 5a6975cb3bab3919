package awslab

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// answer is what a service says to a call.
type answer struct {
	status int
	header http.Header
	body   []byte
	code   string // of the error
}

// service answers calls of one protocol.
type service interface {
	// handle gives the call its effect.
	handle(req *http.Request, c Call, body []byte, fault Fault) answer
	// refuse is the answer to a call that has none.
	refuse(c Call, err *apiError) answer
}

func (e *Endpoint) serve(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client is gone
	}
	c := e.record(classify(req, body))
	out, lost := e.answer(req, c, body)
	c.Code = out.code
	if !lost {
		c.Status = out.status
	}
	e.conclude(c)
	if lost {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), out.header)
	w.WriteHeader(out.status)
	w.Write(out.body)
}

// answer passes the call through what is in its way to its service.
func (e *Endpoint) answer(req *http.Request, c Call, body []byte) (out answer, lost bool) {
	service := e.service(c)
	if !signed(req) {
		return service.refuse(c, refuse("AuthFailure", "AWS was not able to validate the provided access credentials")), false
	}
	e.callHook(Before, c)
	fault := e.fault(c)
	e.sleep(fault.Delay, nil)
	if fault.Drop || isClosed(e.closing) {
		return out, true
	}
	switch denied := slices.Contains(e.cfg.Denied, c.Action); {
	case fault.Code != "":
		out = service.refuse(c, &apiError{fault.Status, fault.Code, fault.Message})
	case denied:
		out = service.refuse(c, deny(c))
	default:
		out = service.handle(req, c, body, fault)
	}
	e.callHook(After, c)
	return out, fault.Lost
}

func (e *Endpoint) service(c Call) service {
	switch c.Service {
	case "ec2":
		return ec2{e}
	case "sts":
		return sts{}
	case "sqs":
		return sqs{e}
	}
	return e.s3
}

// deny is what a caller hears who lacks the permission.
func deny(c Call) *apiError {
	code, message := "AccessDenied", fmt.Sprintf("User: %s is not authorized to perform: %s:%s because no identity-based policy allows the %s:%s action", caller, c.Service, c.Action, c.Service, c.Action)
	if c.Service == "ec2" {
		code, message = "UnauthorizedOperation", "You are not authorized to perform this operation. "+message
	}
	return refuse(code, message)
}

// classify finds out what a request is.
func classify(req *http.Request, body []byte) Call {
	c := Call{Region: regionOf(req), Key: accessKeyOf(req)}
	if action, ok := strings.CutPrefix(req.Header.Get("X-Amz-Target"), "AmazonSQS."); ok {
		c.Service, c.Action, c.JSON = "sqs", action, body
		return c
	}
	form := req.URL.Query()
	if strings.HasPrefix(req.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		if posted, err := url.ParseQuery(string(body)); err == nil {
			maps.Copy(form, posted)
		}
	}
	switch form.Get("Version") {
	case "2016-11-15":
		c.Service, c.Action, c.Params = "ec2", form.Get("Action"), form
	case "2011-06-15":
		c.Service, c.Action, c.Params = "sts", form.Get("Action"), form
	default:
		c.Service = "s3"
		c.Action, c.Params = s3Action(req)
	}
	return c
}

// scope is the part of a signature (version 4) that says for what it was made.
var scope = regexp.MustCompile(`^[^/]+/\d{8}/([^/]+)/[^/]+/aws4_request`)

func credential(req *http.Request) string {
	if _, after, ok := strings.Cut(req.Header.Get("Authorization"), "Credential="); ok {
		return after
	}
	return req.URL.Query().Get("X-Amz-Credential") // a presigned URL
}

func signed(req *http.Request) bool { return scope.MatchString(credential(req)) }

func regionOf(req *http.Request) string {
	if m := scope.FindStringSubmatch(credential(req)); m != nil {
		return m[1]
	}
	return "us-east-1"
}

func accessKeyOf(req *http.Request) string {
	key, _, _ := strings.Cut(credential(req), "/")
	return key
}

// newID is a random one such as AWS makes.
func newID(prefix string) string {
	var random [9]byte
	rand.Read(random[:])
	return fmt.Sprintf("%s-%x", prefix, random)[:len(prefix)+18]
}

func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// asAPI is the refusal in err, or an internal error: then the endpoint has a bug.
func asAPI(err error) *apiError {
	var api *apiError
	if errors.As(err, &api) {
		return api
	}
	return refuse("InternalError", err.Error())
}

func xmlAnswer(status int, body *bytes.Buffer) answer {
	return answer{status: status, header: http.Header{"Content-Type": {"text/xml;charset=UTF-8"}, "X-Amzn-Requestid": {newUUID()}, "Date": {time.Now().UTC().Format(http.TimeFormat)}}, body: body.Bytes()}
}
