// Package awserr says in words what AWS refuses, and why no answer came, with what to do about it.
//
// All three services are spoken to with one SDK, whose errors are meant for a log: they name the
// operation, the HTTP status and a request id before what has happened. What is said here instead
// is what a user can act upon. The SDK's error stays within, for errors.As.
package awserr

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/smithy-go"
)

// Error is a refusal of AWS, or a call that did not come through, in words for the user.
type Error struct {
	Code string // AWS's; empty when no answer came
	Err  error
	Hint string // what Remedy says
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Remedy says what to do about it; it may be empty.
func (e *Error) Remedy() string { return e.Hint }

// New words an error of the SDK's. Nothing of its own text is shown.
func New(cause error, hint, format string, args ...any) *Error {
	return &Error{Code: Code(cause), Err: &worded{fmt.Sprintf(format, args...), cause}, Hint: hint}
}

// worded is an error whose own text is not for users.
type worded struct {
	text  string
	cause error
}

func (w *worded) Error() string { return w.text }
func (w *worded) Unwrap() error { return w.cause }

// Code is AWS's code for an error, or empty: no answer came, or it is not AWS's.
func Code(err error) string {
	var own *Error
	if errors.As(err, &own) && own.Code != "" {
		return own.Code
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// Is tells whether AWS's code for an error is one of these.
func Is(err error, codes []string) bool { return slices.Contains(codes, Code(err)) }

// Explain words an error of a call to action, such as ec2:RunInstances. One that is worded already
// stays as it is.
func Explain(ctx context.Context, action string, err error) error {
	var own *Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	var api smithy.APIError
	switch {
	case !errors.As(err, &api) && ctx.Err() != nil:
		return ended(ctx, action)
	case !errors.As(err, &api):
		return unanswered(action, err)
	}
	code, message := api.ErrorCode(), FirstSentence(api.ErrorMessage())
	switch {
	case Is(err, Denied):
		if m := deniedAction.FindStringSubmatch(api.ErrorMessage()); m != nil {
			action = m[1]
		}
		return New(err, PolicyHint, "these credentials may not do %s (%s)", action, code)
	case Is(err, Expired):
		return New(err, expiredHint, "%s: the AWS credentials have expired (%s)", action, code)
	case Is(err, Refused):
		return New(err, refusedHint, "%s: AWS does not know these credentials (%s)", action, code)
	case message == "":
		return New(err, remedy(code), "%s: %s", action, code)
	}
	return New(err, remedy(code), "%s: %s: %s", action, code, message)
}

var deniedAction = regexp.MustCompile(`not authorized to perform: ?([a-z0-9-]+:[A-Za-z]+)`)

// FirstSentence leaves away what AWS appends for machines.
func FirstSentence(s string) string {
	if i := strings.Index(s, " Encoded authorization failure message"); i > 0 {
		s = s[:i]
	}
	s, _, _ = strings.Cut(s, "\n")
	return strings.TrimRight(s, ". ")
}
