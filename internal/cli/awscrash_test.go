package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gofab/gofab/internal/lab/awslab"
)

// small is a play with everything that AWS is asked for: machines, a group, a queue, a bucket.
const small = `
name: small
provider: aws
deadline: 60
reserve: 20
steps:
  - provision: {count: 2, ttl: 20s}
  - run-parallel: {cmd: echo won, stop_when: first-success, announce: true}
  - local: mkdir -p logs && echo log >logs/log
  - upload: {src: logs/, create: true}
  - scram:
`

// crash plays small against an account of its own and kills gofab with KILL when it makes its
// call number n: before AWS has heard of it, or when it is done but not answered. It tells whether
// there was such a call.
func crash(t *testing.T, n int, when awslab.Moment) (*account, bool) {
	t.Helper()
	a := openAccount(t, awslab.Config{Shutdown: 100 * time.Millisecond, Visible: 200 * time.Millisecond, Minute: 15 * time.Second})
	if err := os.WriteFile(filepath.Join(a.home, "small.yaml"), []byte(small), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := a.gofab(t, a.home, "play", "small.yaml")
	started, ended := make(chan struct{}), make(chan struct{})
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
			<-started
			cmd.Process.Kill()
			<-ended
		}
	})
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
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

// moment is one at which gofab is killed.
type moment struct {
	n    int
	when awslab.Moment
}

func (m moment) String() string {
	return map[awslab.Moment]string{awslab.Before: "before", awslab.After: "after"}[m.when] + " call " + strconv.Itoa(m.n)
}

// moments are the two around each call that small makes; how many these are, a play tells that
// nobody kills.
func moments(t *testing.T) []moment {
	t.Helper()
	a, _ := crash(t, 0, awslab.Before)
	a.empty(t)
	calls := len(a.Calls())
	if calls < 15 {
		t.Fatalf("small makes %d calls only: %v", calls, a.calls())
	}
	var all []moment
	for n := 1; n <= calls; n++ {
		all = append(all, moment{n, awslab.Before}, moment{n, awslab.After})
	}
	return all
}

// Whenever gofab is killed, gofab scram --all leaves nothing in the account; and so it does when
// the computer is lost, with nothing but the account.
func TestKilledOnAWS(t *testing.T) {
	t.Parallel()
	for _, m := range moments(t) {
		for _, stranger := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, stranger %v", m, stranger), func(t *testing.T) {
				t.Parallel()
				a, _ := crash(t, m.n, m.when)
				at, args := a.home, []string{"scram", "--all"}
				if stranger {
					at, args = t.TempDir(), []string{"scram", "--all", "--provider", "aws"}
					time.Sleep(300 * time.Millisecond) // what was made last is to be seen by strangers
				}
				a.says(t, at, 0, "", args...)
				a.empty(t)
				a.single(t)
			})
		}
	}
}

// Nobody comes to clean up until everything has expired: machines end by themselves, and what is
// left of other things, gofab reap ends.
func TestForgottenOnAWS(t *testing.T) {
	t.Parallel()
	all := moments(t)
	accounts := make([]*account, len(all))
	inTurn(len(all), func(i int) { accounts[i], _ = crash(t, all[i].n, all[i].when) })
	time.Sleep(21 * time.Second) // the ttl of the last
	inTurn(len(all), func(i int) {
		a := accounts[i]
		for _, i := range a.Instances() {
			if i.State != "terminated" {
				t.Errorf("%s is %s after its time", i.ID, i.State)
			}
		}
		at := a.home
		if i%3 == 0 {
			at = t.TempDir()
		}
		a.says(t, at, 0, "", "reap", "--provider", "aws")
		a.empty(t)
		a.single(t)
	})
}

// inTurn does n things, several at a time.
func inTurn(n int, do func(i int)) {
	var group errgroup.Group
	group.SetLimit(6)
	for i := range n {
		group.Go(func() error {
			do(i)
			return nil
		})
	}
	group.Wait()
}
