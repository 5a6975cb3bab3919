package aws

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/cloudtest"
	"github.com/gofab/gofab/internal/cloud/local"
	"github.com/gofab/gofab/internal/lab/awslab"
)

func TestMain(m *testing.M) {
	if local.IsMachine(os.Args) { // the endpoint's machines are this program again
		os.Exit(local.Main(os.Args))
	}
	os.Exit(m.Run())
}

// world is an endpoint, and providers that take it for AWS.
type world struct {
	*awslab.Endpoint
	t     *testing.T
	state string
}

func start(t *testing.T, cfg awslab.Config) *world {
	t.Helper()
	e, err := awslab.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, v := range e.Env() {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	return &world{Endpoint: e, t: t, state: t.TempDir()}
}

// provider is a new one over the same state, as another process would have it.
func (w *world) provider() *Provider {
	p := New(w.state, "")
	p.pace = pace{tick: 20 * time.Millisecond, effect: time.Second, settling: 3 * time.Second}
	return p
}

// order is an order for machines of a run, which is terminated at the end, and nothing may be left.
func (w *world) order(run string, count int) cloud.LaunchSpec {
	w.t.Cleanup(func() {
		if err := w.provider().Terminate(context.Background(), run); err != nil {
			w.t.Errorf("terminate at the end: %v", err)
		}
		if left := w.Left(); len(left) > 0 {
			w.t.Errorf("left: %q", left)
		}
	})
	return cloud.LaunchSpec{Run: run, Count: count, TTL: time.Hour, UserKey: userKey(w.t), Types: []string{"t3.micro"}}
}

func userKey(t *testing.T) string {
	t.Helper()
	key, err := newHostKey(t.TempDir() + "/key")
	if err != nil {
		t.Fatal(err)
	}
	return key.Public
}

// launch brings up all that was ordered.
func (w *world) launch(p *Provider, spec cloud.LaunchSpec) []cloud.Machine {
	w.t.Helper()
	machines, err := p.Launch(w.t.Context(), spec)
	if err != nil || len(machines) != spec.Count {
		w.t.Fatalf("launched %d of %d: %v", len(machines), spec.Count, err)
	}
	return machines
}

// alive waits until the provider lists n machines that satisfy ok.
func (w *world) alive(p *Provider, run string, n int, ok func(cloud.Machine) bool) []cloud.Machine {
	w.t.Helper()
	var machines []cloud.Machine
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var err error
		if machines, err = p.Machines(w.t.Context(), run); err != nil {
			w.t.Fatal(err)
		}
		if len(machines) == n && !slices.ContainsFunc(machines, func(m cloud.Machine) bool { return !ok(m) }) {
			return machines
		}
	}
	w.t.Fatalf("waited in vain for %d machines: %+v", n, machines)
	return nil
}

// calls are the recorded ones of an action; dry runs are not among them.
func (w *world) calls(action string) []awslab.Call {
	return slices.DeleteFunc(w.Calls(), func(c awslab.Call) bool { return c.Action != action || c.Params.Get("DryRun") == "true" })
}

// made is how many instances there ever were.
func (w *world) made() int { return len(w.Instances()) }

func running(m cloud.Machine) bool { return m.State == cloud.Running && m.Address != "" }

func TestContract(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("machines of the endpoint serve SSH on port 22, which takes root")
	}
	w := start(t, awslab.Config{Machines: true, Minute: time.Second, Boot: 50 * time.Millisecond, Visible: 300 * time.Millisecond, Shutdown: 100 * time.Millisecond, Reuse: time.Millisecond})
	cloudtest.Run(t, cloudtest.Config{
		New:     func(*testing.T) cloud.Provider { return w.provider() },
		Reopen:  func(*testing.T, cloud.Provider) cloud.Provider { return w.provider() },
		SSH:     true,
		TTL:     2 * time.Second, // rounded up to a minute, which is a second here
		Hurried: true,
	})
	if left := w.Left(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// What a machine is made with. Nobody else's parameters: the endpoint refuses what EC2 does not document.
func TestOrder(t *testing.T) {
	w := start(t, awslab.Config{})
	spec := w.order("r", 2)
	spec.Spot, spec.Volume, spec.Zones = true, 20, []string{"us-east-1b"}
	machines := w.launch(w.provider(), spec)
	sent := w.calls("RunInstances")[0].Params
	for name, want := range map[string]string{
		"MinCount": "2", "MaxCount": "2", "InstanceType": "t3.micro", "InstanceInitiatedShutdownBehavior": "terminate",
		"ImageId":                            "resolve:ssm:/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
		"MetadataOptions.HttpTokens":         "required",
		"BlockDeviceMapping.1.Ebs.Encrypted": "true", "BlockDeviceMapping.1.Ebs.DeleteOnTermination": "true",
		"BlockDeviceMapping.1.Ebs.VolumeSize": "20", "BlockDeviceMapping.1.DeviceName": "/dev/sda1",
		"InstanceMarketOptions.MarketType": "spot", "Placement.AvailabilityZone": "us-east-1b",
		"TagSpecification.1.ResourceType": "instance", "TagSpecification.2.ResourceType": "volume",
		"TagSpecification.3.ResourceType": "network-interface", "TagSpecification.4.ResourceType": "spot-instances-request",
		"CreditSpecification.CpuCredits": "standard",
	} {
		if got := sent.Get(name); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
	if sent.Get("ClientToken") == "" {
		t.Error("no ClientToken")
	}
	for i, m := range machines {
		if m.Name != []string{"aws-0", "aws-1"}[i] || m.User != "ubuntu" || m.HostKey == "" || m.Port != 22 || m.Type != "t3.micro" || m.Zone != "us-east-1b" {
			t.Errorf("%+v", m)
		}
		if !m.Price.AtMost {
			t.Errorf("the price of a spot machine: %+v", m.Price)
		}
	}
	group := w.Instances()[0].Groups[0]
	if in := w.calls("AuthorizeSecurityGroupIngress"); len(in) != 1 || in[0].Params.Get("GroupId") != group ||
		in[0].Params.Get("IpPermissions.1.IpRanges.1.CidrIp") != "127.0.0.1/32" || in[0].Params.Get("IpPermissions.1.FromPort") != "22" {
		t.Errorf("whom the group lets in: %v", in)
	}
}

// The journal knows the token before EC2 does.
func TestTokenIsJournalledFirst(t *testing.T) {
	w := start(t, awslab.Config{})
	p := w.provider()
	var before []order
	w.Hook(func(m awslab.Moment, c awslab.Call) {
		if c.Action == "RunInstances" && m == awslab.Before && c.Params.Get("DryRun") == "" {
			led, _ := p.readLedger("r")
			before = led.orders
		}
	})
	w.launch(p, w.order("r", 1))
	w.Hook(nil)
	sent := w.calls("RunInstances")[0].Params.Get("ClientToken")
	if len(before) != 1 || before[0].Token != sent || !before[0].open() || before[0].Region != "us-east-1" {
		t.Errorf("the journal had %+v, EC2 was sent %s", before, sent)
	}
}

func TestManyInBatches(t *testing.T) {
	w := start(t, awslab.Config{})
	p := w.provider()
	w.launch(p, w.order("r", 250))
	if n := len(w.calls("RunInstances")); n != 3 {
		t.Errorf("%d orders", n)
	}
	machines := w.alive(p, "r", 250, running)
	for i, m := range machines {
		if numberOf(m.Name) != i {
			t.Fatalf("machine %d is %s", i, m.Name)
		}
	}
}

func TestStatelessScramFindsAll(t *testing.T) {
	w := start(t, awslab.Config{})
	w.launch(w.provider(), w.order("one", 2))
	w.launch(w.provider(), w.order("other", 1))
	elsewhere := New(t.TempDir(), "")
	traces, err := elsewhere.Runs(t.Context())
	if err != nil || len(traces) != 2 || traces[0].Run != "one" || traces[0].Machines != 2 || traces[0].Owner != owner() || traces[0].Expires.IsZero() {
		t.Fatalf("%+v, %v", traces, err)
	}
	if err := elsewhere.Terminate(t.Context(), "one"); err != nil {
		t.Error(err)
	}
	if n := len(w.alive(elsewhere, "other", 1, running)); n != 1 {
		t.Errorf("another run has %d machines left", n)
	}
	if _, err := os.Stat(elsewhere.state + "/one"); !errors.Is(err, os.ErrNotExist) {
		t.Error("it left a directory of state for a run that is not its own")
	}
}

func TestImageAndArchitecture(t *testing.T) {
	for kind, want := range map[string]string{
		"t3.micro": "amd64", "c7a.medium": "amd64", "g4dn.xlarge": "amd64", "p4d.24xlarge": "amd64", "u-6tb1.metal": "amd64", "m5zn.large": "amd64",
		"t4g.nano": "arm64", "c7g.large": "arm64", "c7gn.large": "arm64", "m6gd.large": "arm64", "a1.large": "arm64", "im4gn.large": "arm64",
		"is4gen.large": "arm64", "x2gd.large": "arm64", "g5g.xlarge": "arm64", "hpc7g.4xlarge": "arm64", "r8g.large": "arm64",
	} {
		if got := arch(kind); got != want {
			t.Errorf("%s has %s, not %s", kind, want, got)
		}
	}
}
