// Package cloudtest is the contract of cloud.Provider, and of the roles Bucket and Queue, as a
// test suite. Every provider's tests run it, so what one of them promises all of them keep.
package cloudtest

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/cloud"
)

// Config says what is tested and what it can do.
type Config struct {
	// New returns a provider for one test; what it needs it cleans up with t.Cleanup. The suite
	// terminates the runs that it makes. A provider of Owned machines has three or more.
	New func(t *testing.T) cloud.Provider

	// Reopen returns another provider over the same state, as another process would have it.
	// Nil: New's provider is asked again.
	Reopen func(t *testing.T, p cloud.Provider) cloud.Provider

	// Owned: machines are borrowed, not made. They have no TTL, two runs may get the same
	// ones, and there may be too few.
	Owned bool

	// SSH: machines really answer, with the pinned host key, to the key in LaunchSpec.UserKey
	// (or, where Signer is set, to that one).
	SSH    bool
	Signer ssh.Signer

	// TTL is the shortest one that the provider can be tested with; needed unless Owned.
	TTL time.Duration

	// Hurried: the machines live by a clock that is faster than ours, and may end before they
	// say, by ours.
	Hurried bool
}

// Run runs the suite.
func Run(t *testing.T, c Config) {
	t.Run("Launch", c.testLaunch)
	t.Run("LaunchAddsWhatIsMissing", c.testLaunchAdds)
	t.Run("LaunchConcurrently", c.testLaunchConcurrently)
	t.Run("LaunchCancelled", c.testLaunchCancelled)
	t.Run("UnknownRun", c.testUnknownRun)
	t.Run("RunsApart", c.testRunsApart)
	t.Run("Terminate", c.testTerminate)
	if c.Owned {
		t.Run("TooFew", c.testTooFew)
	} else {
		t.Run("TTL", c.testTTL)
	}
	if c.SSH {
		t.Run("SSH", c.testSSH)
	}
	if _, ok := c.New(t).(cloud.Queue); ok {
		t.Run("Queue", c.testQueue)
	}
	if _, ok := c.New(t).(cloud.Bucket); ok {
		t.Run("Bucket", c.testBucket)
	}
}

var runs atomic.Int64

// run names a new run and sees to it that the test leaves nothing of it behind.
func (c Config) run(t *testing.T, p cloud.Provider) string {
	t.Helper()
	run := fmt.Sprintf("test-%d-%d", os.Getpid(), runs.Add(1))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := p.Terminate(ctx, run); err != nil {
			t.Errorf("terminate at the end: %v", err)
		}
		if left, err := c.reopen(t, p).Machines(ctx, run); err != nil || len(left) > 0 {
			t.Errorf("left at the end: %v, %v", left, err)
		}
	})
	return run
}

func (c Config) reopen(t *testing.T, p cloud.Provider) cloud.Provider {
	if c.Reopen == nil {
		return p
	}
	return c.Reopen(t, p)
}

// spec is an order for count machines that the suite's key may log in to.
func (c Config) spec(t *testing.T, run string, count int) cloud.LaunchSpec {
	return cloud.LaunchSpec{
		Run: run, Count: count, TTL: 5 * time.Minute,
		UserKey: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(c.signer(t).PublicKey()))),
	}
}

// signer is the key that logs in: the same for the whole suite.
func (c Config) signer(t *testing.T) ssh.Signer {
	t.Helper()
	if c.Signer != nil {
		return c.Signer
	}
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func launch(t *testing.T, p cloud.Provider, spec cloud.LaunchSpec) []cloud.Machine {
	t.Helper()
	machines, err := p.Launch(t.Context(), spec)
	if err != nil {
		t.Fatalf("launch %d: %v", spec.Count, err)
	}
	if len(machines) != spec.Count {
		t.Fatalf("launch %d: got %d machines", spec.Count, len(machines))
	}
	return machines
}

func list(t *testing.T, p cloud.Provider, run string) []cloud.Machine {
	t.Helper()
	machines, err := p.Machines(t.Context(), run)
	if err != nil {
		t.Fatalf("machines of %s: %v", run, err)
	}
	return machines
}

func terminate(t *testing.T, p cloud.Provider, run string) {
	t.Helper()
	if err := p.Terminate(t.Context(), run); err != nil {
		t.Fatalf("terminate %s: %v", run, err)
	}
}

// ids lists machines by what names them.
func ids(machines []cloud.Machine) []string {
	var all []string
	for _, m := range machines {
		all = append(all, m.ID)
	}
	return all
}

// eventually waits until done says so, and fails the test after a minute.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
