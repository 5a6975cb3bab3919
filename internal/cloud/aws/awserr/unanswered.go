package awserr

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	networkHint     = "is the network up, and AWS_ENDPOINT_URL right if it is set?"
	credentialsHint = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or log in with aws configure or aws sso login"
)

// Within is a context with a time limit of ours: a call that exceeds it is explained as one that
// was not answered.
func Within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, limit(d))
}

// limit is a time that was too short.
type limit time.Duration

func (l limit) Error() string { return "no answer within " + time.Duration(l).String() }

// Is makes it one of the errors of contexts that are over their time.
func (l limit) Is(target error) bool { return target == context.DeadlineExceeded }

// ended is a call that ctx has ended: because of its time, or because somebody said so.
func ended(ctx context.Context, action string) error {
	cause := context.Cause(ctx)
	var ours limit
	switch {
	case errors.As(cause, &ours):
		return New(cause, networkHint, "%s: %s", action, ours)
	case cause == context.DeadlineExceeded: // a limit that was set without Within
		return New(cause, networkHint, "%s: no answer in time", action)
	}
	return fmt.Errorf("%s: %w", action, cause)
}

// unanswered is a call to which no answer came, or for which there are no credentials.
func unanswered(action string, err error) error {
	var signing interface{ ProviderName() string }
	text := err.Error()
	if strings.Contains(text, "get identity: ") || strings.Contains(text, "failed to retrieve credentials") || errors.As(err, &signing) {
		return New(err, credentialsHint, "no AWS credentials: %s", FirstSentence(afterLast(text, "get credentials: ")))
	}
	return New(err, networkHint, "%s: %s", action, deepest(err))
}

// NoCredentials says why there are none.
func NoCredentials(ctx context.Context, err error) error {
	var ours limit
	if errors.As(context.Cause(ctx), &ours) {
		return New(err, credentialsHint, "no AWS credentials: %s", ours)
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return New(err, credentialsHint, "no AWS credentials: %s", FirstSentence(err.Error()))
}

// deepest is the part of an SDK's error that says what happened, without the layers around it.
func deepest(err error) string {
	var sent *smithyhttp.RequestSendError
	var answered *smithyhttp.ResponseError
	var operation *smithy.OperationError
	switch {
	case errors.As(err, &sent):
		err = sent.Err
	case errors.As(err, &answered):
		return fmt.Sprintf("HTTP status %d: %s", answered.HTTPStatusCode(), FirstSentence(answered.Err.Error()))
	case errors.As(err, &operation):
		err = operation.Err
	}
	return FirstSentence(err.Error())
}

func afterLast(s, sep string) string {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[i+len(sep):]
	}
	return s
}
