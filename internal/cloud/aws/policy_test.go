package aws

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/lab"
	"github.com/gofab/gofab/internal/lab/awslab"
)

// permissions are those of S3's calls that are not called like their call: see the service
// authorization reference. The others are.
var permissions = map[string]string{
	"HeadBucket": "s3:ListBucket", "HeadObject": "s3:GetObject",
	"CreateMultipartUpload": "s3:PutObject", "UploadPart": "s3:PutObject", "CompleteMultipartUpload": "s3:PutObject",
}

// needed are the permissions that a call takes.
func needed(c awslab.Call) []string {
	all := []string{cmp.Or(permissions[c.Action], c.Service+":"+c.Action)}
	switch {
	case c.Service == "sts": // GetCallerIdentity is allowed to everybody
		return nil
	case c.Service == "ec2" && c.Params.Has("TagSpecification.1.ResourceType"):
		all = append(all, "ec2:CreateTags")
	case c.Action == "CreateQueue" && strings.Contains(string(c.JSON), `"tags"`):
		all = append(all, "sqs:TagQueue")
	}
	if strings.HasPrefix(c.Params.Get("ImageId"), "resolve:ssm:") {
		all = append(all, "ssm:GetParameters")
	}
	return all
}

// allowed are the permissions that the policy grants.
func allowed(t *testing.T) []string {
	var policy struct {
		Statement []struct{ Action any }
	}
	if err := json.Unmarshal(Policy, &policy); err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, s := range policy.Statement {
		switch action := s.Action.(type) {
		case string:
			all[action] = true
		case []any:
			for _, one := range action {
				all[one.(string)] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// The policy grants what a run's whole life takes, and nothing else.
func TestPolicy(t *testing.T) {
	w := start(t, awslab.Config{})
	p := w.provider()
	subnet := w.subnet("us-east-1a")
	before := len(w.Calls()) // which are the test's own
	w.look(p)
	w.livesOnMachines(p, subnet)
	w.livesOnTheQueue(p)
	w.livesInTheBucket(p)
	if _, err := p.Regions(t.Context()); err != nil {
		t.Error(err)
	}
	if traces, err := p.Runs(t.Context()); err != nil || len(traces) != 1 {
		t.Errorf("%v, %v", traces, err)
	}
	if err := p.Terminate(t.Context(), "r"); err != nil {
		t.Error(err)
	}
	used := map[string]bool{}
	for _, c := range w.Calls()[before:] {
		for _, permission := range needed(c) {
			used[permission] = true
		}
	}
	got := allowed(t)
	for _, permission := range slices.Sorted(maps.Keys(used)) {
		if !slices.Contains(got, permission) {
			t.Errorf("%s is missing", permission)
		}
	}
	for _, permission := range got {
		if !used[permission] {
			t.Errorf("%s is granted, and nothing takes it", permission)
		}
	}
}

// livesOnMachines takes every way to order.
func (w *world) livesOnMachines(p *Provider, subnet string) {
	spec := w.order("r", 1)
	w.launch(p, spec)
	spec.Count, spec.Image, spec.Subnet, spec.Spot = 2, awslab.ImageAMD64, subnet, true
	w.launch(p, spec)
	other := w.order("r2", 1)
	other.Subnet = spec.Subnet
	w.launch(p, other)
	if err := p.Terminate(w.t.Context(), "r2"); err != nil {
		w.t.Error(err)
	}
}

// livesOnTheQueue reads and writes the run's own queue, gives a message back that nobody waits for
// any more, and works with a queue that is named by its URL.
func (w *world) livesOnTheQueue(p *Provider) {
	t := w.t
	url, err := p.Open(t.Context(), "r", "", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.provider().Open(t.Context(), "r3", url, time.Time{}); err != nil {
		t.Error(err)
	}
	other := w.provider() // it has to look for the queue
	if err := other.Send(t.Context(), "r", []byte("one")); err != nil {
		t.Error(err)
	}
	if _, err := p.Receive(t.Context(), "r"); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() { p.Receive(ctx, "r"); close(gone) }()
	lab.Eventually(t, 10*time.Second, "somebody waits", func() bool { return len(w.calls("ReceiveMessage")) == 2 })
	cancel()
	<-gone
	if err := other.Send(t.Context(), "r", []byte("two")); err != nil {
		t.Error(err)
	}
	lab.Eventually(t, 10*time.Second, "a message is given back", func() bool { return len(w.calls("ChangeMessageVisibility")) == 1 })
	lab.Eventually(t, 10*time.Second, "a message is deleted", func() bool { return len(w.calls("DeleteMessage")) == 1 })
}

// livesInTheBucket makes it, stores a file at once and one in parts, and gives one up.
func (w *world) livesInTheBucket(p *Provider) {
	w.t.Helper()
	small, large := filepath.Join(w.t.TempDir(), "small"), filepath.Join(w.t.TempDir(), "large")
	for file, size := range map[string]int{small: 5, large: 9 << 20} {
		if err := os.WriteFile(file, make([]byte, size), 0o600); err != nil {
			w.t.Fatal(err)
		}
		if _, err := p.Upload(w.t.Context(), cloud.Object{Run: "r", Create: true, Key: filepath.Base(file), File: file}); err != nil {
			w.t.Fatal(err)
		}
	}
	w.Fault(awslab.Fault{Action: "UploadPart", Times: -1, Code: "AccessDenied"})
	if _, err := p.Upload(w.t.Context(), cloud.Object{Run: "r", Key: "not", File: large}); err == nil {
		w.t.Error("parts were refused, and no error")
	}
}
