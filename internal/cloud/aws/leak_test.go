package aws

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/journal"
	"github.com/gofab/gofab/internal/lab/awslab"
)

// own names a security group, so that no group of the run's holds up a scram that is too fast.
func (w *world) own(spec cloud.LaunchSpec) cloud.LaunchSpec {
	w.t.Helper()
	c, err := w.provider().clients(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	groups, err := c.groups(w.t.Context(), filter("group-name", "default"))
	if err != nil || len(groups) == 0 {
		w.t.Fatal(groups, err)
	}
	spec.SecurityGroup = *groups[0].GroupId
	return spec
}

// onOrder has f called once, when EC2 has been asked to try an order: what is called next is the order.
func (w *world) onOrder(f func()) {
	var once sync.Once
	w.Hook(func(m awslab.Moment, c awslab.Call) {
		if m == awslab.After && c.Action == "RunInstances" && c.Params.Get("DryRun") == "true" {
			once.Do(f)
		}
	})
}

// ended proves that all instances there ever were are shutting down or gone.
func (w *world) ended() {
	w.t.Helper()
	for _, i := range w.Instances() {
		if i.State != "terminated" && i.State != "shutting-down" {
			w.t.Errorf("%s is %s", i.ID, i.State)
		}
	}
}

// The answer that counts is lost, and a later attempt is refused: nobody knows what there is, so scram
// waits for it to come to light, and nobody orders elsewhere.
func TestLostThenRefused(t *testing.T) {
	for _, refusal := range []string{"AuthFailure", "InsufficientInstanceCapacity", "RequestExpired", "InternalError"} {
		t.Run(refusal, func(t *testing.T) {
			w := start(t, awslab.Config{Visible: time.Second})
			p := w.provider()
			spec := w.own(w.order("r", 2))
			spec.Zones = []string{"us-east-1a", "us-east-1b"}
			w.onOrder(func() {
				w.Fault(awslab.Fault{Action: "RunInstances", Lost: true})
				w.Fault(awslab.Fault{Action: "RunInstances", Times: -1, Code: refusal})
			})
			if _, err := p.Launch(t.Context(), spec); err == nil {
				t.Error("no answer came, and no error")
			}
			tokens := map[string]bool{}
			for _, c := range w.calls("RunInstances") {
				tokens[c.Params.Get("ClientToken")] = true
			}
			if len(tokens) != 1 || w.made() != 2 {
				t.Errorf("%d tokens, %d instances", len(tokens), w.made())
			}
			if err := w.provider().Terminate(t.Context(), "r"); err != nil {
				t.Error(err)
			}
			w.ended()
		})
	}
}

// An answer that comes late is young all the same: EC2 may not show yet what it brought.
func TestLateAnswer(t *testing.T) {
	w := start(t, awslab.Config{Visible: time.Second})
	p := w.provider()
	spec := w.own(w.order("r", 2))
	w.onOrder(func() {
		w.Fault(awslab.Fault{Action: "RunInstances", Delay: p.settling + 200*time.Millisecond})
	})
	w.launch(p, spec)
	if machines, err := w.provider().Machines(t.Context(), "r"); err != nil || len(machines) != 2 {
		t.Errorf("listed %d machines, %v", len(machines), err)
	}
	if err := w.provider().Terminate(t.Context(), "r"); err != nil {
		t.Error(err)
	}
	w.ended()
}

// What comes to light while a group cannot go yet is ended, too.
func TestMachinesComeToLightLate(t *testing.T) {
	w := start(t, awslab.Config{Visible: 5 * time.Second})
	p := w.provider()
	p.effect, p.settling = 100*time.Millisecond, 100*time.Millisecond // it gives up hope too early
	w.launch(p, w.order("r", 2))
	time.Sleep(300 * time.Millisecond)
	another := w.provider()
	another.effect, another.settling = p.effect, p.settling
	if err := another.Terminate(t.Context(), "r"); err != nil {
		t.Error(err)
	}
	w.ended()
	if left := w.Left(); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

// A launch that has waited for its turn while somebody ended the run orders nothing.
func TestLaunchAfterScram(t *testing.T) {
	w := start(t, awslab.Config{})
	p := w.provider()
	spec := w.order("r", 1)
	w.launch(p, spec)
	unlock, err := p.lock(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	spec.Count = 3
	launched := make(chan error)
	go func() {
		_, err := w.provider().Launch(t.Context(), spec)
		launched <- err
	}()
	time.Sleep(300 * time.Millisecond)
	if err := p.announceEnd("r"); err != nil {
		t.Error(err)
	}
	unlock()
	if err := <-launched; !errors.Is(err, errTerminated) || w.made() != 1 {
		t.Errorf("launch: %v, %d made", err, w.made())
	}
}

// With credentials of another account, EC2 shows nothing of the run: that is no proof that nothing is
// left.
func TestAnotherAccount(t *testing.T) {
	w := start(t, awslab.Config{})
	p := w.provider()
	w.launch(p, w.order("r", 1))
	if led, err := p.readLedger("r"); err != nil || led.account != awslab.Account {
		t.Errorf("the journal has account %q, %v", led.account, err)
	}
	other, err := awslab.Start(awslab.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	t.Setenv("AWS_ENDPOINT_URL", other.URL())
	stranger := w.provider()
	stranger.settling, stranger.effect = 0, 0
	if err := stranger.note("r", journal.Record{What: journal.Launch, Account: "999999999999"}); err != nil {
		t.Fatal(err)
	}
	err = stranger.Terminate(t.Context(), "r")
	var own *Error
	if !errors.As(err, &own) || !own.Permanent() || !strings.Contains(err.Error(), "the run is in account 999999999999, and these credentials are of account "+awslab.Account) {
		t.Errorf("with other credentials: %v", err)
	}
	t.Setenv("AWS_ENDPOINT_URL", w.URL())
}

// One machine that must not be ended does not keep the others alive.
func TestOneIsProtected(t *testing.T) {
	w := start(t, awslab.Config{})
	p := w.provider()
	machines := w.launch(p, w.order("r", 20))
	protected := machines[7].ID
	w.Fault(awslab.Fault{Action: "TerminateInstances", Times: -1, Code: "OperationNotPermitted", Naming: protected})
	err := p.Terminate(t.Context(), "r")
	if err == nil || !strings.Contains(err.Error(), "OperationNotPermitted") {
		t.Errorf("terminate: %v", err)
	}
	for _, i := range w.Instances() {
		if dead := i.State == "terminated" || i.State == "shutting-down"; dead == (i.ID == protected) {
			t.Errorf("%s is %s", i.ID, i.State)
		}
	}
	w.Heal()
}

// Many that EC2 does not show yet cost a few calls, not one each.
func TestManyUnseen(t *testing.T) {
	w := start(t, awslab.Config{Visible: time.Hour})
	p := w.provider()
	p.tick = 200 * time.Millisecond
	w.Hook(func(m awslab.Moment, c awslab.Call) {
		switch {
		case m == awslab.After && c.Action == "CreateSecurityGroup":
			w.Reveal() // the group
		case m == awslab.After && c.Action == "TerminateInstances":
			w.Hook(nil)
			time.AfterFunc(3*p.tick, w.Reveal)
		}
	})
	w.launch(p, w.order("r", 100))
	if err := p.Terminate(t.Context(), "r"); err != nil {
		t.Error(err)
	}
	calls := w.calls("TerminateInstances")
	if len(calls) > 12 {
		t.Errorf("%d calls", len(calls))
	}
	if !slices.ContainsFunc(calls, func(c awslab.Call) bool { return c.Code == "InvalidInstanceID.NotFound" }) {
		t.Error("EC2 never said that it does not know an instance: the test tests nothing")
	}
	w.ended()
}

// When EC2 does not say what there is, what the journal knows is named.
func TestBlind(t *testing.T) {
	w := start(t, awslab.Config{})
	p := w.provider()
	machines := w.launch(p, w.order("r", 2))
	w.Fault(awslab.Fault{Action: "DescribeInstances", Times: 1, Code: "UnauthorizedOperation"})
	w.Fault(awslab.Fault{Action: "TerminateInstances", Times: 1, Code: "UnauthorizedOperation"})
	err := p.Terminate(t.Context(), "r")
	if want := fmt.Sprintf("--instance-ids %s %s", machines[0].ID, machines[1].ID); !strings.Contains(remedyOf(err), want) {
		t.Errorf("%v: the remedy %q does not say %q", err, remedyOf(err), want)
	}
	w.Fault(awslab.Fault{Action: "DescribeInstances", Times: 1, Code: "UnauthorizedOperation"})
	if err := p.Terminate(t.Context(), "r"); err == nil {
		t.Error("nobody knows what is left, and that is no error")
	}
	w.ended()
}
