package aws

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/lab/awslab"
)

// refused expects an order to fail for a reason that a user understands.
func (w *world) refused(p *Provider, spec cloud.LaunchSpec, code, says, remedy string) []cloud.Machine {
	w.t.Helper()
	machines, err := p.Launch(w.t.Context(), spec)
	var own *Error
	if !errors.As(err, &own) || own.Code != code || !strings.Contains(err.Error(), says) || !strings.Contains(own.Remedy(), remedy) {
		w.t.Errorf("launch: %v; want %s, %q and the remedy %q", err, code, says, remedy)
	}
	return machines
}

func TestNoCapacity(t *testing.T) {
	w := start(t, awslab.Config{Capacity: map[string]int{"us-east-1a/t3.micro": 1, "us-east-1b/t3.micro": 2}})
	spec := w.order("r", 2)
	spec.Zones = []string{"us-east-1a", "us-east-1b"}
	w.launch(w.provider(), spec)
	sent := w.calls("RunInstances")
	if len(sent) != 2 || sent[0].Params.Get("ClientToken") == sent[1].Params.Get("ClientToken") {
		t.Errorf("one order for each zone, with tokens of their own: %v", sent)
	}
	if w.Instances()[0].Zone != "us-east-1b" || w.made() != 2 {
		t.Errorf("%+v", w.Instances())
	}
}

func TestNoCapacityTakesTheNextType(t *testing.T) {
	w := start(t, awslab.Config{})
	w.Fault(awslab.Fault{Action: "RunInstances", Type: "t3.micro", Times: -1, Code: "Unsupported", Message: "not here"})
	spec := w.order("r", 1)
	spec.Types = []string{"t3.micro", "t3.small"}
	w.launch(w.provider(), spec)
	if w.Instances()[0].Type != "t3.small" {
		t.Errorf("%+v", w.Instances())
	}
}

func TestNoCapacityAnywhere(t *testing.T) {
	w := start(t, awslab.Config{})
	w.Fault(awslab.Fault{Action: "RunInstances", Times: -1, Code: "InsufficientInstanceCapacity", Message: "no t3.micro in us-east-1a"})
	spec := w.order("r", 2)
	began := time.Now()
	w.refused(w.provider(), spec, "InsufficientInstanceCapacity", "no t3.micro in us-east-1a", "zones:")
	if n := len(w.calls("RunInstances")); n != 1 || time.Since(began) > 5*time.Second {
		t.Errorf("%d orders in %v: it should fail at once", n, time.Since(began))
	}
}

func TestQuota(t *testing.T) {
	w := start(t, awslab.Config{Quota: 6})
	spec := w.order("r", 4) // of two vCPUs each
	w.refused(w.provider(), spec, "VcpuLimitExceeded", "6", "quota")
	if n := len(w.calls("RunInstances")); n > 1 {
		t.Errorf("%d orders", n)
	}
}

func TestFewerThanAskedFor(t *testing.T) {
	w := start(t, awslab.Config{})
	w.Fault(awslab.Fault{Action: "RunInstances", Type: "t3.micro", Fewer: 0, Times: 1}) // the dry run
	w.Fault(awslab.Fault{Action: "RunInstances", Type: "t3.micro", Fewer: 3})
	w.Fault(awslab.Fault{Action: "RunInstances", Times: -1, Code: "InsufficientInstanceCapacity"})
	spec := w.order("r", 5)
	spec.Min = 2
	machines, err := w.provider().Launch(t.Context(), spec)
	if !errors.Is(err, cloud.ErrTooFew) || len(machines) != 2 || !strings.Contains(err.Error(), "2 of 5") {
		t.Errorf("got %d machines and %v", len(machines), err)
	}
	if min := w.calls("RunInstances")[0].Params.Get("MinCount"); min != "2" {
		t.Errorf("MinCount %s", min)
	}
}

func TestThrottling(t *testing.T) {
	w := start(t, awslab.Config{})
	p := w.provider()
	w.Fault(awslab.Fault{Action: "RunInstances", Times: 3, Code: "RequestLimitExceeded"})
	w.launch(p, w.order("r", 2))
	w.Fault(awslab.Fault{Action: "DescribeInstances", Times: 2, Code: "RequestLimitExceeded"})
	w.alive(p, "r", 2, running)
	if w.made() != 2 {
		t.Errorf("%d instances", w.made())
	}
}

// For a while EC2 does not show what it has made. Nothing is ordered again, nothing is taken to be
// dead, and nothing is left.
func TestNotVisibleYet(t *testing.T) {
	w := start(t, awslab.Config{Visible: 700 * time.Millisecond, Shutdown: 50 * time.Millisecond})
	p := w.provider()
	spec := w.order("r", 3)
	w.launch(p, spec)
	for _, another := range []*Provider{p, w.provider()} {
		if again := w.launch(another, spec); len(again) != 3 {
			t.Errorf("%d machines", len(again))
		}
		if machines, err := another.Machines(t.Context(), "r"); err != nil || len(machines) != 3 {
			t.Errorf("listed %d, %v", len(machines), err)
		}
	}
	if err := p.Terminate(t.Context(), "r"); err != nil {
		t.Error(err)
	}
	if left := w.Left(); w.made() != 3 || len(left) > 0 {
		t.Errorf("%d made, left %q", w.made(), left)
	}
	for _, i := range w.Instances() {
		if i.State != "terminated" && i.State != "shutting-down" {
			t.Errorf("%s is %s", i.ID, i.State)
		}
	}
}

func TestAddressesComeLate(t *testing.T) {
	w := start(t, awslab.Config{Boot: 50 * time.Millisecond, Address: 400 * time.Millisecond})
	p := w.provider()
	for _, m := range w.launch(p, w.order("r", 2)) {
		if m.Address != "" || m.State != cloud.Pending {
			t.Errorf("%+v", m)
		}
	}
	w.alive(p, "r", 2, func(m cloud.Machine) bool { return m.State == cloud.Running && m.Address == "" })
	w.alive(p, "r", 2, running)
}

func TestDeathAtBirth(t *testing.T) {
	w := start(t, awslab.Config{Boot: time.Minute})
	p := w.provider()
	spec := w.order("r", 2)
	machines := w.launch(p, spec)
	w.Fail(machines[0].ID, "Server.InternalError", "Server.InternalError: Internal error on launch")
	w.alive(p, "r", 1, func(m cloud.Machine) bool { return m.Name == "aws-1" })
	if why := p.Why(t.Context(), "r", machines[0].ID); !strings.Contains(why, "Server.InternalError") {
		t.Errorf("it died of %q", why)
	}
	again := w.launch(p, spec)
	if again[0].Name != "aws-1" || again[1].Name != "aws-2" {
		t.Errorf("%s and %s", again[0].Name, again[1].Name)
	}
}

// The answer to an order is lost, again and again: there is one fleet all the same, and its order
// is asked for under the same token, by another process, too.
func TestAnswerLost(t *testing.T) {
	for _, lost := range []int{1, 2, mostAttempts} {
		t.Run("", func(t *testing.T) {
			w := start(t, awslab.Config{})
			spec := w.order("r", 3)
			w.Hook(func(m awslab.Moment, c awslab.Call) {
				if m == awslab.After && c.Action == "DescribeSecurityGroups" { // the last call before the order
					w.Hook(nil)
					w.Fault(awslab.Fault{Action: "RunInstances", Times: lost, Lost: true})
				}
			})
			machines, err := w.provider().Launch(t.Context(), spec)
			if lost < mostAttempts && (err != nil || len(machines) != 3) {
				t.Errorf("%d machines, %v", len(machines), err)
			}
			if lost == mostAttempts && err == nil {
				t.Error("no answer came, and no error")
			}
			if again := w.launch(w.provider(), spec); len(again) != 3 {
				t.Errorf("%d machines", len(again))
			}
			tokens := map[string]bool{}
			for _, c := range w.calls("RunInstances") {
				tokens[c.Params.Get("ClientToken")] = true
			}
			if len(tokens) != 1 || w.made() != 3 {
				t.Errorf("%d tokens, %d instances", len(tokens), w.made())
			}
		})
	}
}

// An order whose answer is lost for good is ended all the same: by its tag, when it shows.
func TestAnswerLostThenScram(t *testing.T) {
	w := start(t, awslab.Config{Visible: 500 * time.Millisecond})
	spec := w.order("r", 2)
	w.Hook(func(m awslab.Moment, c awslab.Call) {
		if m == awslab.After && c.Action == "DescribeSecurityGroups" {
			w.Hook(nil)
			w.Fault(awslab.Fault{Action: "RunInstances", Times: -1, Lost: true})
		}
	})
	if _, err := w.provider().Launch(t.Context(), spec); err == nil {
		t.Fatal("no answer came, and no error")
	}
	if err := w.provider().Terminate(t.Context(), "r"); err != nil {
		t.Error(err)
	}
	if left := w.Left(); len(left) > 0 || w.made() != 2 {
		t.Errorf("%d made, left %q", w.made(), left)
	}
}

// A token that EC2 knows with other terms is not used for a second order: the machines are found by
// their tag.
func TestTokenReused(t *testing.T) {
	w := start(t, awslab.Config{Visible: 500 * time.Millisecond})
	p := w.provider()
	spec := w.order("r", 2)
	c, err := p.clients(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l := &launch{p: p, c: c, spec: spec}
	if err := os.MkdirAll(w.state+"/r", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := l.order(place{"", "t3.micro"}, 2)
	if err := l.write(o); err != nil {
		t.Fatal(err)
	}
	in, err := l.req.input(o)
	if err != nil {
		t.Fatal(err)
	}
	in.CreditSpecification = nil // as a gofab of another version would have ordered
	if _, err := c.ec2.RunInstances(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if machines := w.launch(w.provider(), spec); len(machines) != 2 || w.made() != 2 {
		t.Errorf("%d machines, %d made", len(machines), w.made())
	}
	calls := w.calls("RunInstances")
	if last := calls[len(calls)-1]; last.Code != "IdempotentParameterMismatch" {
		t.Errorf("the order was answered with %q", last.Code)
	}
}

func TestDenied(t *testing.T) {
	for _, action := range []string{"RunInstances", "CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "DescribeInstances"} {
		t.Run(action, func(t *testing.T) {
			w := start(t, awslab.Config{})
			w.Fault(awslab.Fault{Action: action, Times: 1, Code: "UnauthorizedOperation", Message: "You are not authorized to perform this operation."})
			w.refused(w.provider(), w.order("r", 1), "UnauthorizedOperation", "may not do ec2:"+action, "--policy")
			if w.made() > 0 {
				t.Error("something was launched")
			}
		})
	}
}

// What cannot be ended is named, with the command to type.
func TestTerminateDenied(t *testing.T) {
	w := start(t, awslab.Config{})
	p := w.provider()
	machines := w.launch(p, w.order("r", 1))
	w.Fault(awslab.Fault{Action: "TerminateInstances", Times: 1, Code: "UnauthorizedOperation"})
	err := p.Terminate(t.Context(), "r")
	var own *Error
	if !errors.As(err, &own) || !strings.Contains(own.Remedy(), "aws ec2 terminate-instances --region us-east-1 --instance-ids "+machines[0].ID) {
		t.Errorf("%v: %q", err, own.Remedy())
	}
}

// A group cannot be deleted while a machine still uses it.
func TestGroupInUse(t *testing.T) {
	w := start(t, awslab.Config{Shutdown: 500 * time.Millisecond})
	p := w.provider()
	w.launch(p, w.order("r", 1))
	w.Fault(awslab.Fault{Action: "DeleteSecurityGroup", Times: 2, Code: "DependencyViolation"}) // an interface may outlive its machine
	if err := p.Terminate(t.Context(), "r"); err != nil {
		t.Error(err)
	}
	tries := w.calls("DeleteSecurityGroup")
	if len(tries) != 3 || tries[0].Code != "DependencyViolation" {
		t.Errorf("%d tries: %v", len(tries), tries)
	}
	if left := w.Left(); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

// What is not ours stays, whatever it is called.
func TestOthersAreLeftAlone(t *testing.T) {
	w := start(t, awslab.Config{})
	p := w.provider()
	w.launch(p, w.order("r", 1))
	c, err := p.clients(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	foreign := w.foreignInstance(t, c)
	if err := p.Terminate(t.Context(), "r"); err != nil {
		t.Error(err)
	}
	i := slices.IndexFunc(w.Instances(), func(i awslab.Instance) bool { return i.ID == foreign })
	if i < 0 || w.Instances()[i].State != "running" {
		t.Errorf("somebody else's machine: %+v", w.Instances())
	}
	if traces, err := p.Runs(t.Context()); err != nil || len(traces) > 0 {
		t.Errorf("%+v, %v", traces, err)
	}
	if err := c.terminateAll(t.Context(), []string{foreign}); err != nil {
		t.Error(err)
	}
}

func TestCheck(t *testing.T) {
	w := start(t, awslab.Config{})
	if err := w.provider().Check(t.Context()); err != nil {
		t.Error(err)
	}
	if n := len(w.Calls()); n != 1 {
		t.Errorf("%d calls", n)
	}
	for _, c := range []struct {
		code, says, remedy string
	}{
		{"AuthFailure", "does not know these credentials", "AWS_ACCESS_KEY_ID"},
		{"ExpiredToken", "have expired", "log in again"},
		{"UnauthorizedOperation", "may not do ec2:DescribeInstances", "--policy"},
	} {
		w := start(t, awslab.Config{})
		w.Fault(awslab.Fault{Times: 2, Code: c.code})
		err := w.provider().Check(t.Context())
		var own *Error
		if !errors.As(err, &own) || !strings.Contains(err.Error(), c.says) || !strings.Contains(own.Remedy(), c.remedy) {
			t.Errorf("%s: %v", c.code, err)
		}
	}
}

// Without an account, a region or a network it takes seconds to say so.
func TestCheckFailsFast(t *testing.T) {
	home := t.TempDir()
	for _, v := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL"} {
		t.Setenv(v, "")
	}
	t.Setenv("HOME", home)
	t.Setenv("AWS_CONFIG_FILE", home+"/config")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", home+"/credentials")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for _, c := range []struct{ name, value, says string }{
		{"", "", "no AWS region"},
		{"AWS_REGION", "us-east-1", "no AWS credentials"},
		{"AWS_PROFILE", "nobody", "configuration"},
	} {
		if c.name != "" {
			t.Setenv(c.name, c.value)
		}
		began := time.Now()
		err := New(t.TempDir(), "").Check(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.says) || time.Since(began) > 5*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	}
}
