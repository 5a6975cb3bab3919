package awserr

import "strings"

// Codes of AWS that mean the same to us. Denied are those of EC2, SQS and S3; a HEAD of S3 has no
// body to name one, and the SDK makes it of the HTTP status.
var (
	NoCapacity = []string{
		"InsufficientInstanceCapacity", "UnfulfillableCapacity", "InsufficientCapacity", "Unsupported",
		"InsufficientHostCapacity", "InsufficientReservedInstanceCapacity", "InsufficientAddressCapacity",
		"InsufficientFreeAddressesInSubnet", "InsufficientVolumeCapacity", "SpotMaxPriceTooLow",
	}
	Quota   = []string{"VcpuLimitExceeded", "InstanceLimitExceeded", "MaxSpotInstanceCountExceeded"}
	Expired = []string{"RequestExpired", "ExpiredToken", "ExpiredTokenException"}
	Refused = []string{
		"AuthFailure", "UnrecognizedClientException", "InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidAccessKeyId",
		"InvalidSecurity", "InvalidToken", "MissingAuthenticationToken", "IncompleteSignature",
	}
	Denied = []string{
		"UnauthorizedOperation", "Client.UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "Forbidden",
	}
	Throttled = []string{"RequestLimitExceeded", "Throttling", "ThrottlingException", "EC2ThrottledException", "RequestThrottled"}
	NotFound  = []string{"InvalidInstanceID.NotFound", "InvalidGroup.NotFound", "InvalidGroupId.NotFound"}
)

// PolicyHint is where the least that gofab must be allowed to do is written down.
const PolicyHint = "the least that gofab needs:  gofab check aws --policy"

// OwnNameHint is for a queue or a bucket that the policy cannot know of.
const OwnNameHint = PolicyHint + "; it covers names that begin with gofab-, so add this one to it"

const (
	expiredHint = "log in again (aws sso login, or new keys), and see that this computer's clock is right"
	refusedHint = "see AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_PROFILE, and that this computer's clock is right"
	groupHint   = "a security_group: is an sg-… of this region, in the VPC of the subnet:"
)

// remedies are those of single codes.
var remedies = map[string]string{
	"AuthFailure.ServiceLinkedRoleCreationNotPermitted": "the account's first spot machine needs a role; somebody who may has to make it, once:  aws iam create-service-linked-role --aws-service-name spot.amazonaws.com",
	"Blocked":                     "AWS has blocked the account: ask AWS Support",
	"IdempotentParameterMismatch": "another order of this run had the same token: end the run with gofab scram and begin anew",
	"InstanceCreditSpecification.NotSupported": "the type takes no CPU credits: name another type:",
	"InvalidGroup.NotFound":                    groupHint,
	"InvalidGroupId.Malformed":                 groupHint,
	"InvalidKeyPair.NotFound":                  "key_pair: must name a key pair of this region; gofab needs none",
	"InvalidParameterCombination":              "two of the things that were asked for do not go together: leave one of them out",
	"InvalidSubnetID.Malformed":                "a subnet: is a subnet-… of this region:  aws ec2 describe-subnets",
	"InvalidSubnetID.NotFound":                 "a subnet: is a subnet-… of this region:  aws ec2 describe-subnets",
	"MissingInput":                             noVPC,
	"OperationNotPermitted":                    "it is protected, against termination as a rule:  aws ec2 modify-instance-attribute --no-disable-api-termination --instance-id ID",
	"OptInRequired":                            "the account must accept the image's terms in AWS Marketplace, or use another image:",
	"PendingVerification":                      "AWS is still looking at the new account, for minutes as a rule: try again when its e-mail has come, or ask AWS Support",
	"SecurityGroupLimitExceeded":               "the VPC can have no more security groups: end old runs (gofab ls, gofab reap), or name a security_group: that lets you in",
	"VPCIdNotSpecified":                        noVPC,
}

const noVPC = "the region has no default VPC: name a subnet: and a security_group:, or make one with aws ec2 create-default-vpc"

// remedy is what to do about a code that has nothing to do with the credentials; it may be empty.
func remedy(code string) string {
	refusal := &Error{Code: code}
	switch {
	case Is(refusal, Quota):
		return "ask for fewer machines or a smaller type, or for a higher quota (Service Quotas, Amazon EC2); machines that were ended a moment ago still count"
	case Is(refusal, NoCapacity):
		return "name other zones: or types: to fall back on, or say with min: how few will do"
	case Is(refusal, Throttled):
		return "the account makes too many calls: try again in a minute"
	case strings.HasPrefix(code, "InvalidAMIID"):
		return "an image: is an ami-… of this very region, or resolve:ssm:/a/parameter"
	}
	return remedies[code]
}
