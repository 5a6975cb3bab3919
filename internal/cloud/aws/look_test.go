package aws

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/lab/awslab"
)

// looked is what CheckAll has told.
type looked struct {
	what []string
	errs map[string]error
}

func (w *world) look(p *Provider) looked {
	l := looked{errs: map[string]error{}}
	p.CheckAll(w.t.Context(), func(what string, err error) {
		l.what = append(l.what, what)
		l.errs[what] = err
	})
	return l
}

// Five calls that take long are made at the same time, and told of in order.
func TestCheckAllAtOnce(t *testing.T) {
	w := start(t, awslab.Config{})
	const each = 1200 * time.Millisecond // one after the other they would exceed the limit of all
	w.Fault(awslab.Fault{Times: -1, Delay: each})
	began := time.Now()
	l := w.look(w.provider())
	if took := time.Since(began); took > 4*each {
		t.Errorf("it took %v", took)
	}
	want := []string{
		"region us-east-1, credentials, ec2:DescribeInstances", "account " + awslab.Account + ", as ", "ec2:RunInstances, of c7a.medium",
		"ec2:CreateSecurityGroup", "ec2:DescribeSecurityGroups", "sqs:ListQueues",
	}
	if !slices.EqualFunc(l.what, want, strings.HasPrefix) {
		t.Errorf("told of %q", l.what)
	}
	for what, err := range l.errs {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// One that is not answered takes nothing from the others, and is said in words.
func TestCheckAllWithoutAnAnswer(t *testing.T) {
	w := start(t, awslab.Config{})
	w.Fault(awslab.Fault{Action: "CreateSecurityGroup", Times: -1, Delay: checkLimit + time.Second})
	l := w.look(w.provider())
	var own *Error
	if err := l.errs["ec2:CreateSecurityGroup"]; !errors.As(err, &own) || err.Error() != "ec2:CreateSecurityGroup: no answer within 4s" || !strings.Contains(own.Remedy(), "is the network up") {
		t.Errorf("%v", err)
	}
	if len(l.what) != 6 || l.errs["sqs:ListQueues"] != nil || l.errs["ec2:DescribeSecurityGroups"] != nil {
		t.Errorf("%+v", l)
	}
}

// What was missing can be set while the program runs.
func TestRegionComesLater(t *testing.T) {
	w := start(t, awslab.Config{})
	home := t.TempDir()
	t.Setenv("AWS_CONFIG_FILE", home+"/config")
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	p := w.provider()
	if err := p.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "no AWS region") {
		t.Errorf("%v", err)
	}
	t.Setenv("AWS_REGION", "eu-central-1")
	if err := p.Check(t.Context()); err != nil || p.Region() != "eu-central-1" {
		t.Errorf("%v in %s", err, p.Region())
	}
}
