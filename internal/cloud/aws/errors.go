package aws

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
	var own *Error
	if errors.As(err, &own) {
		return own.remedy
	}
	return ""
}

func joinLines(lines ...string) string {
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return l == "" }), "\n")
}

// Codes of AWS that mean the same to us.
var (
	noCapacity = []string{
		"InsufficientInstanceCapacity", "UnfulfillableCapacity", "InsufficientCapacity", "Unsupported",
		"InsufficientHostCapacity", "InsufficientReservedInstanceCapacity", "InsufficientAddressCapacity",
		"InsufficientFreeAddressesInSubnet", "SpotMaxPriceTooLow",
	}
	quota   = []string{"VcpuLimitExceeded", "InstanceLimitExceeded", "MaxSpotInstanceCountExceeded", "InstanceCreditSpecification.NotSupported"}
	expired = []string{"RequestExpired", "ExpiredToken", "ExpiredTokenException"}
	refused = []string{
		"AuthFailure", "UnrecognizedClientException", "InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidAccessKeyId",
		"MissingAuthenticationToken", "IncompleteSignature",
	}
	denied    = []string{"UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "Client.UnauthorizedOperation"}
	throttled = []string{"RequestLimitExceeded", "Throttling", "ThrottlingException", "EC2ThrottledException"}
	notFound  = []string{"InvalidInstanceID.NotFound", "InvalidGroup.NotFound", "InvalidGroupId.NotFound"}
)

// PolicyHint is where the least that gofab must be allowed to do is written down.
const PolicyHint = "the least that gofab needs:  gofab check aws --policy"

// code is AWS's code for an error, or empty.
func code(err error) string {
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

func is(err error, codes []string) bool { return slices.Contains(codes, code(err)) }

// explain words an error of a call to action, such as ec2:RunInstances.
func explain(ctx context.Context, action string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && code(err) == "" {
		return fmt.Errorf("%s: %w", action, context.Cause(ctx))
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return unanswered(action, err)
	}
	out := &Error{Code: api.ErrorCode(), Err: fmt.Errorf("%s: %s: %s", action, api.ErrorCode(), firstSentence(api.ErrorMessage()))}
	switch {
	case is(err, denied):
		what := action
		if m := deniedAction.FindStringSubmatch(api.ErrorMessage()); m != nil {
			what = m[1]
		}
		out.Err = fmt.Errorf("these credentials may not do %s (%s)", what, out.Code)
		out.remedy = PolicyHint
	case is(err, expired):
		out.Err = fmt.Errorf("%s: the AWS credentials have expired (%s)", action, out.Code)
		out.remedy = "log in again (aws sso login, or new keys), and see that this computer's clock is right"
	case is(err, refused):
		out.Err = fmt.Errorf("%s: AWS does not know these credentials (%s)", action, out.Code)
		out.remedy = "see AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_PROFILE, and that this computer's clock is right"
	case is(err, quota):
		out.remedy = "ask for fewer machines or a smaller type, or for a higher quota (Service Quotas, Amazon EC2); machines that were ended a moment ago still count"
	case is(err, noCapacity):
		out.remedy = "name other zones: or types: to fall back on, or say with min: how few will do"
	case is(err, throttled):
		out.remedy = "the account makes too many calls: try again in a minute"
	case out.Code == "IdempotentParameterMismatch":
		out.remedy = "another order of this run had the same token: end the run with gofab scram and begin anew"
	case out.Code == "VPCIdNotSpecified" || out.Code == "MissingInput":
		out.remedy = "the region has no default VPC: name a subnet: and a security_group:, or make one with aws ec2 create-default-vpc"
	case out.Code == "OptInRequired":
		out.remedy = "the account must accept the image's terms in AWS Marketplace, or use another image:"
	case out.Code == "InvalidKeyPair.NotFound":
		out.remedy = "key_pair: must name a key pair of this region; gofab needs none"
	case strings.HasPrefix(out.Code, "InvalidAMIID"):
		out.remedy = "an image: is an ami-… of this very region, or resolve:ssm:/a/parameter"
	}
	return out
}

var deniedAction = regexp.MustCompile(`not authorized to perform: ?([a-z0-9-]+:[A-Za-z]+)`)

// unanswered is a call to which no answer came, or for which there are no credentials.
func unanswered(action string, err error) error {
	out := &Error{Err: fmt.Errorf("%s: %w", action, deepest(err)), remedy: "is the network up, and AWS_ENDPOINT_URL right if it is set?"}
	var signing interface{ ProviderName() string }
	text := err.Error()
	if strings.Contains(text, "get identity: ") || strings.Contains(text, "failed to retrieve credentials") || errors.As(err, &signing) {
		out.Err = fmt.Errorf("no AWS credentials: %s", firstSentence(afterLast(text, "get credentials: ")))
		out.remedy = credentialsHint
	}
	return out
}

const credentialsHint = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or log in with aws configure or aws sso login"

// deepest is the part of an SDK's error that says what happened, without the layers around it.
func deepest(err error) error {
	var op *smithy.OperationError
	if errors.As(err, &op) {
		err = op.Err
	}
	return errors.New(firstSentence(afterLast(err.Error(), "request send failed, ")))
}

// firstSentence leaves away what AWS appends for machines.
func firstSentence(s string) string {
	if i := strings.Index(s, " Encoded authorization failure message"); i > 0 {
		s = s[:i]
	}
	s, _, _ = strings.Cut(s, "\n")
	return strings.TrimRight(s, ". ")
}

func afterLast(s, sep string) string {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[i+len(sep):]
	}
	return s
}

// rootCause is the innermost error's text.
func rootCause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
