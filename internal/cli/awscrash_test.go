package cli_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/lab/awslab"
)

// small is a play with everything that AWS is asked for: machines, a group, a queue, a bucket.
const small = `
name: small
provider: aws
deadline: 60
reserve: 20
steps:
  - provision: {count: 2, ttl: 10s}
  - run-parallel: {cmd: echo won, stop_when: first-success, announce: true}
  - local: mkdir -p logs && echo log >logs/log
  - upload: {src: logs/, create: true}
  - scram:
`

// crash plays small against an account of its own and kills gofab with KILL when it makes its
// call number n: before EC2 has heard of it, or when it is done but not answered. It tells
// whether there was such a call.
func crash(t *testing.T, n int, when awslab.Moment) (*account, bool) {
	t.Helper()
	a := openAccount(t, awslab.Config{Shutdown: 100 * time.Millisecond, Visible: 200 * time.Millisecond, Minute: 4 * time.Second})
	if err := os.WriteFile(filepath.Join(a.home, "small.yaml"), []byte(small), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := a.gofab(t, a.home, "play", "small.yaml")
	ended := make(chan struct{})
	calls, killed := 0, false
	var mu sync.Mutex
	a.Hook(func(m awslab.Moment, _ awslab.Call) {
		mu.Lock()
		defer mu.Unlock()
		if m == awslab.Before {
			calls++
		}
		if !killed && calls == n && m == when {
			killed = true
			if when == awslab.Before {
				a.Fault(awslab.Fault{Drop: true}) // it never comes to AWS
			}
			cmd.Process.Kill()
			<-ended
		}
	})
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		cmd.Wait()
		close(ended)
	}()
	<-ended
	a.Hook(nil)
	if !killed && cmd.ProcessState.ExitCode() != 0 {
		t.Fatalf("the play itself failed:\n%s", &out)
	}
	return a, killed
}

// single proves that no call could have doubled the fleet: there was one order, however often sent.
func (a *account) single(t *testing.T) {
	t.Helper()
	tokens := map[string]bool{}
	for _, i := range a.Instances() {
		tokens[i.Token] = true
	}
	if len(tokens) > 1 || len(a.Instances()) > 2 {
		t.Errorf("%d instances of %d orders", len(a.Instances()), len(tokens))
	}
}

// mostCalls is more than small makes.
const mostCalls = 80

// Whenever gofab is killed, gofab scram --all leaves nothing in the account; and so it does when
// the computer is lost, with nothing but the account.
func TestKilledOnAWS(t *testing.T) {
	t.Parallel()
	everyCall(t, func(t *testing.T, n int, when awslab.Moment) bool {
		a, killed := crash(t, n, when)
		at, args := a.home, []string{"scram", "--all"}
		if n%2 == 0 {
			at, args = t.TempDir(), []string{"scram", "--all", "--provider", "aws"}
			time.Sleep(300 * time.Millisecond) // what was made last is to be seen by strangers
		}
		if out, err := a.gofab(t, at, args...).CombinedOutput(); err != nil {
			t.Errorf("gofab %q: %v\n%s", args, err, out)
		}
		a.empty(t)
		a.single(t)
		return killed
	})
}

// Nobody comes to clean up until everything has expired: machines end by themselves, and what is
// left of other things, gofab reap ends.
func TestForgottenOnAWS(t *testing.T) {
	t.Parallel()
	everyCall(t, func(t *testing.T, n int, when awslab.Moment) bool {
		a, killed := crash(t, n, when)
		time.Sleep(11 * time.Second) // the ttl
		for _, i := range a.Instances() {
			if i.State != "terminated" {
				t.Errorf("%s is %s after its time", i.ID, i.State)
			}
		}
		at := a.home
		if n%2 == 0 {
			at = t.TempDir()
		}
		if out, err := a.gofab(t, at, "reap", "--provider", "aws").CombinedOutput(); err != nil {
			t.Errorf("gofab reap: %v\n%s", err, out)
		}
		a.empty(t)
		a.single(t)
		return killed
	})
}

// everyCall runs a test for both moments of the first call, the second and so on, several at a
// time, until a play ends before its number is reached.
func everyCall(t *testing.T, test func(t *testing.T, n int, when awslab.Moment) (killed bool)) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	for n := 1; n <= mostCalls; n++ {
		for when, name := range map[awslab.Moment]string{awslab.Before: "before", awslab.After: "after"} {
			t.Run(fmt.Sprintf("%s-%d", name, n), func(t *testing.T) {
				t.Parallel()
				if ctx.Err() == nil && !test(t, n, when) {
					cancel() // a play that ended by itself: there are no calls beyond
				}
			})
		}
	}
}
