package aws

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/gofab/gofab/internal/cloud/aws/awserr"
)

// Error is a refusal of AWS, or of ours, in words for the user.
type Error struct {
	Code   string // AWS's; empty when no answer came
	Err    error
	remedy string

	permanent bool // trying again cannot help
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Remedy says what to do about it; it may be empty.
func (e *Error) Remedy() string { return e.remedy }

// Permanent tells whether trying again cannot help: what is not allowed stays so, and a missing
// configuration.
func (e *Error) Permanent() bool {
	return e.permanent || slices.Contains(denied, e.Code) || slices.Contains(refused, e.Code)
}

// remedyOf is what an error says about what to do; it may be empty.
func remedyOf(err error) string {
	var own interface{ Remedy() string }
	if errors.As(err, &own) {
		return own.Remedy()
	}
	return ""
}

func joinLines(lines ...string) string {
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return l == "" }), "\n")
}

// PolicyHint is where the least that gofab must be allowed to do is written down.
const PolicyHint = awserr.PolicyHint

// Codes of AWS that mean the same to us.
var (
	noCapacity = awserr.NoCapacity
	denied     = awserr.Denied
	refused    = awserr.Refused
	throttled  = awserr.Throttled
	expired    = awserr.Expired
	notFound   = awserr.NotFound
)

// code is AWS's code for an error, or empty.
func code(err error) string {
	var own *Error
	if errors.As(err, &own) && own.Code != "" {
		return own.Code
	}
	return awserr.Code(err)
}

func is(err error, codes []string) bool { return slices.Contains(codes, code(err)) }

// explain words an error of a call to action, such as ec2:RunInstances.
func explain(ctx context.Context, action string, err error) error {
	return ours(awserr.Explain(ctx, action, err))
}

// ours makes an Error of a worded one.
func ours(err error) error {
	var worded *awserr.Error
	if errors.As(err, &worded) {
		return &Error{Code: worded.Code, Err: err, remedy: worded.Hint}
	}
	return err
}
