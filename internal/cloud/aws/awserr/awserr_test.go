package awserr

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// sdk is an error as the SDK makes it of an answer.
func sdk(status int, code, message string) error {
	return &smithy.OperationError{ServiceID: "EC2", OperationName: "RunInstances", Err: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
		Err:      &smithy.GenericAPIError{Code: code, Message: message},
	}}
}

// raw is what users must not have to read.
var raw = []string{"operation error", "StatusCode", "RequestID", "request send failed", "api error"}

func readable(t *testing.T, err error, says, remedy string) {
	t.Helper()
	var own *Error
	if !errors.As(err, &own) || !strings.Contains(err.Error(), says) || !strings.Contains(own.Remedy(), remedy) || remedy == "" && own.Remedy() != "" {
		t.Errorf("%v; want %q and the remedy %q, got %+v", err, says, remedy, own)
		return
	}
	for _, part := range raw {
		if strings.Contains(err.Error(), part) {
			t.Errorf("the SDK's own words: %v", err)
		}
	}
}

func TestCodes(t *testing.T) {
	for code, remedy := range map[string]string{
		"AuthFailure":                "AWS_ACCESS_KEY_ID",
		"ExpiredToken":               "log in again",
		"UnauthorizedOperation":      "gofab check aws --policy",
		"AccessDenied":               "gofab check aws --policy",
		"AccessDeniedException":      "gofab check aws --policy",
		"VcpuLimitExceeded":          "Service Quotas",
		"InsufficientVolumeCapacity": "zones:",
		"RequestLimitExceeded":       "in a minute",
		"AuthFailure.ServiceLinkedRoleCreationNotPermitted": "aws iam create-service-linked-role --aws-service-name spot.amazonaws.com",
		"PendingVerification":                               "new account",
		"Blocked":                                           "AWS Support",
		"InvalidSubnetID.NotFound":                          "subnet:",
		"InvalidGroup.NotFound":                             "security_group:",
		"SecurityGroupLimitExceeded":                        "gofab reap",
		"OperationNotPermitted":                             "--no-disable-api-termination",
		"InvalidParameterCombination":                       "leave one of them out",
		"InstanceCreditSpecification.NotSupported":          "another type:",
		"InvalidAMIID.Malformed":                            "ami-…",
		"VPCIdNotSpecified":                                 "subnet:",
		"InternalError":                                     "",
	} {
		err := Explain(t.Context(), "ec2:RunInstances", sdk(400, code, "no. Encoded authorization failure message: x"))
		readable(t, err, "ec2:RunInstances", remedy)
		if Code(err) != code {
			t.Errorf("%s became %s", code, Code(err))
		}
	}
	if Is(sdk(400, "InstanceCreditSpecification.NotSupported", ""), Quota) || !Is(sdk(500, "InsufficientVolumeCapacity", ""), NoCapacity) {
		t.Error("CPU credits are no quota, and volumes are capacity")
	}
}

// The message knows better than we which action it was.
func TestDeniedAction(t *testing.T) {
	err := Explain(t.Context(), "ec2:RunInstances", sdk(403, "UnauthorizedOperation", "User: x is not authorized to perform: ec2:CreateTags on resource: y"))
	readable(t, err, "may not do ec2:CreateTags", PolicyHint)
}

func TestTheCauseStaysWithin(t *testing.T) {
	cause := sdk(400, "Blocked", "no")
	err := Explain(t.Context(), "ec2:RunInstances", cause)
	if !errors.Is(err, cause) || Explain(t.Context(), "again", err) != err {
		t.Errorf("%v", err)
	}
}

func TestNoAnswer(t *testing.T) {
	refused := &smithy.OperationError{ServiceID: "SQS", OperationName: "SendMessage", Err: &smithyhttp.RequestSendError{Err: errors.New("dial tcp 127.0.0.1:1: connect: connection refused")}}
	readable(t, Explain(t.Context(), "sqs:SendMessage", refused), "sqs:SendMessage: dial tcp 127.0.0.1:1: connect: connection refused", networkHint)
	garbage := &smithy.OperationError{ServiceID: "SQS", OperationName: "SendMessage", Err: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: 502}}, Err: errors.New("not XML"),
	}}
	readable(t, Explain(t.Context(), "sqs:SendMessage", garbage), "HTTP status 502: not XML", networkHint)
}

// Our own limit is told by how long it was; somebody else's by what he says.
func TestTimeIsUp(t *testing.T) {
	late := &smithy.OperationError{ServiceID: "EC2", OperationName: "RunInstances", Err: &smithyhttp.RequestSendError{Err: context.DeadlineExceeded}}
	ours, cancel := Within(t.Context(), time.Millisecond)
	defer cancel()
	<-ours.Done()
	err := Explain(ours, "ec2:RunInstances", late)
	readable(t, err, "ec2:RunInstances: no answer within 1ms", networkHint)
	if strings.Contains(err.Error(), "context") || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	inner, stop := context.WithTimeout(ours, time.Hour) // as a call has it that is part of what was limited
	defer stop()
	readable(t, Explain(inner, "ec2:RunInstances", late), "no answer within 1ms", networkHint)
	readable(t, NoCredentials(ours, late), "no AWS credentials: no answer within 1ms", credentialsHint)

	plain, done := context.WithTimeout(t.Context(), time.Millisecond)
	defer done()
	<-plain.Done()
	readable(t, Explain(plain, "ec2:RunInstances", late), "no answer in time", networkHint)

	why, stopped := context.WithCancelCause(t.Context())
	stopped(io.ErrClosedPipe)
	if err := Explain(why, "ec2:RunInstances", late); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v", err)
	}
}
