package awslab

import (
	"bytes"
	"encoding/xml"
	"net/http"
)

const stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"

// caller is who every request is made by.
const caller = "arn:aws:iam::" + Account + ":user/gofab"

// sts is the Security Token Service, which tells who one is.
type sts struct{}

func (s sts) handle(_ *http.Request, c Call, _ []byte, _ Fault) answer {
	if c.Action != "GetCallerIdentity" {
		return s.refuse(c, refuse("InvalidAction", "Could not find operation "+c.Action+" for version 2011-06-15"))
	}
	var text bytes.Buffer
	xml.NewEncoder(&text).Encode(struct {
		XMLName   xml.Name `xml:"GetCallerIdentityResponse"`
		Namespace string   `xml:"xmlns,attr"`
		ARN       string   `xml:"GetCallerIdentityResult>Arn"`
		User      string   `xml:"GetCallerIdentityResult>UserId"`
		Account   string   `xml:"GetCallerIdentityResult>Account"`
		RequestID string   `xml:"ResponseMetadata>RequestId"`
	}{Namespace: stsNamespace, ARN: caller, User: "AIDACKCEVSQ6C2EXAMPLE", Account: Account, RequestID: newUUID()})
	return xmlAnswer(http.StatusOK, &text)
}

func (s sts) refuse(_ Call, err *apiError) answer {
	var text bytes.Buffer
	kind := "Sender"
	if err.status() >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	xml.NewEncoder(&text).Encode(struct {
		XMLName   xml.Name `xml:"ErrorResponse"`
		Namespace string   `xml:"xmlns,attr"`
		Type      string   `xml:"Error>Type"`
		Code      string   `xml:"Error>Code"`
		Message   string   `xml:"Error>Message"`
		RequestID string   `xml:"RequestId"`
	}{Namespace: stsNamespace, Type: kind, Code: err.Code, Message: err.Message, RequestID: newUUID()})
	out := xmlAnswer(err.status(), &text)
	out.code = err.Code
	return out
}
