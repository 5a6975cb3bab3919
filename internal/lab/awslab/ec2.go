package awslab

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"strings"
	"time"
)

const ec2Namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"

// ec2 is the Elastic Compute Cloud, in the Query protocol with answers in XML.
type ec2 struct{ e *Endpoint }

// request is a call of EC2 that is being answered: e.mu is held.
type request struct {
	*region
	e     *Endpoint
	p     params
	now   time.Time
	fault Fault
}

// actions are those that are served. Each returns a struct of XML elements.
var actions map[string]func(*request) (any, error)

func init() { // not a literal: actions are looked up on the way
	actions = map[string]func(*request) (any, error){
		"AuthorizeSecurityGroupIngress": authorizeIngress,
		"CreateKeyPair":                 createKeyPair,
		"CreateSecurityGroup":           createGroup,
		"CreateTags":                    createTags,
		"DeleteKeyPair":                 deleteKeyPair,
		"DeleteSecurityGroup":           deleteGroup,
		"DeleteTags":                    deleteTags,
		"DescribeAvailabilityZones":     describeZones,
		"DescribeImages":                describeImages,
		"DescribeInstanceTypeOfferings": describeOfferings,
		"DescribeInstanceTypes":         describeTypes,
		"DescribeInstances":             describeInstances,
		"DescribeKeyPairs":              describeKeyPairs,
		"DescribeRegions":               describeRegions,
		"DescribeSecurityGroups":        describeGroups,
		"DescribeSubnets":               describeSubnets,
		"DescribeTags":                  describeTags,
		"DescribeVolumes":               describeVolumes,
		"DescribeVpcs":                  describeVpcs,
		"GetConsoleOutput":              getConsoleOutput,
		"ImportKeyPair":                 importKeyPair,
		"RunInstances":                  runInstances,
		"TerminateInstances":            terminateInstances,
	}
}

func (s ec2) handle(_ *http.Request, c Call, _ []byte, fault Fault) answer {
	s.e.mu.Lock()
	defer s.e.mu.Unlock()
	if s.e.closed { // no life may begin any more
		return s.refuse(c, refuse("Unavailable", "The server is overloaded and can't handle the request."))
	}
	body, err := (&request{s.e.region(c.Region), s.e, params{c.Params}, time.Now(), fault}).do(c.Action)
	if err != nil {
		return s.refuse(c, asAPI(err))
	}
	var text bytes.Buffer
	text.WriteString(xml.Header)
	if err := writeResponse(&text, c.Action, body); err != nil {
		return s.refuse(c, asAPI(err))
	}
	return xmlAnswer(http.StatusOK, &text)
}

func (r *request) do(action string) (any, error) {
	act := actions[action]
	if act == nil {
		return nil, refuse("InvalidAction", "The action "+action+" is not valid for this web service.")
	}
	if err := r.p.checkNames(action); err != nil {
		return nil, err
	}
	dry, err := r.p.flag("DryRun", false)
	if err != nil {
		return nil, err
	}
	if dry {
		if action == "RunInstances" { // what it asks for is looked at before
			if _, err := r.readLaunch(); err != nil {
				return nil, err
			}
		}
		return nil, refuse("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
	}
	return act(r)
}

// response is the root element of an answer.
type response struct {
	XMLName   xml.Name
	Namespace string `xml:"xmlns,attr"`
	Body      string `xml:",innerxml"`
}

// writeResponse writes the elements of body, a struct, after the request's id.
func writeResponse(text *bytes.Buffer, action string, body any) error {
	var inner bytes.Buffer
	if err := xml.NewEncoder(&inner).EncodeElement(body, xml.StartElement{Name: xml.Name{Local: "x"}}); err != nil {
		return err
	}
	elements := strings.TrimSuffix(strings.TrimPrefix(inner.String(), "<x>"), "</x>")
	return xml.NewEncoder(text).Encode(response{
		XMLName: xml.Name{Local: action + "Response"}, Namespace: ec2Namespace,
		Body: "<requestId>" + newUUID() + "</requestId>" + elements,
	})
}

// refuse answers as EC2 does, in an element that is not the one of other services.
func (s ec2) refuse(_ Call, err *apiError) answer {
	type failure struct {
		Code    string
		Message string
	}
	var text bytes.Buffer
	text.WriteString(xml.Header)
	xml.NewEncoder(&text).Encode(struct {
		XMLName   xml.Name  `xml:"Response"`
		Errors    []failure `xml:"Errors>Error"`
		RequestID string
	}{Errors: []failure{{err.Code, err.Message}}, RequestID: newUUID()})
	out := xmlAnswer(err.status(), &text)
	out.code = err.Code
	return out
}

// set is a list in an answer: an element of items, there even when it is empty.
type set[T any] struct {
	Items []T `xml:"item"`
}

// done is what actions answer that have nothing to say.
type done struct {
	Return bool `xml:"return"`
}

// stamp is a time as EC2 writes it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
