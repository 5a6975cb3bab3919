package aws

import (
	"context"
	"errors"
	"slices"

	"github.com/gofab/gofab/internal/cloud/aws/awserr"
)

// Error is a refusal of AWS, or of ours, in words for the user.
type Error struct {
	Code   string // AWS's; empty when no answer came
	Err    error
	remedy string
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Remedy says what to do about it; it may be empty.
func (e *Error) Remedy() string { return e.remedy }

// PolicyHint is where the least that gofab must be allowed to do is written down.
const PolicyHint = awserr.PolicyHint

// Codes of AWS that mean the same to us.
var (
	noCapacity = awserr.NoCapacity
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
