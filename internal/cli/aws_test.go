package cli_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/lab/awslab"
)

// account is an AWS whose instances are machines that serve SSH, and a user of it.
type account struct {
	*awslab.Endpoint
	dir  string // of the machines
	home string
}

func openAccount(t *testing.T, cfg awslab.Config) *account {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("machines of the endpoint serve SSH on port 22, which takes root")
	}
	a := &account{dir: t.TempDir(), home: t.TempDir()}
	cfg.Dir, cfg.Machines = a.dir, true
	var err error
	if a.Endpoint, err = awslab.Start(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		for _, p := range processesOf(a.dir) {
			t.Errorf("left behind: %v", p)
			p.kill()
		}
	})
	return a
}

// gofab is a command of the user's; at is where the state is kept.
func (a *account) gofab(t *testing.T, at string, args ...string) *exec.Cmd {
	cmd := gofab(t, at, args...)
	cmd.Env = append(cmd.Env, a.Env()...)
	return cmd
}

// empty proves that nothing of ours is left in the account, and no process of a machine.
func (a *account) empty(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); len(processesOf(a.dir)) > 0 && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
	for _, what := range a.Left() {
		t.Errorf("left in the account: %s", what)
	}
	for _, p := range processesOf(a.dir) {
		t.Errorf("left behind: %v", p)
	}
}

// count is how often an action was called, dry runs apart.
func (a *account) count(action string) int {
	n := 0
	for _, c := range a.Calls() {
		if c.Action == action && c.Params.Get("DryRun") == "" {
			n++
		}
	}
	return n
}

// calls are the actions called, with how often.
func (a *account) calls() map[string]int {
	all := map[string]int{}
	for _, c := range a.Calls() {
		name := c.Service + ":" + c.Action
		if c.Params.Get("DryRun") != "" {
			name += " (dry run)"
		}
		all[name]++
	}
	return all
}

// The main job on AWS says what it says on local machines, brings home the same, and leaves nothing.
func TestSearchOnAWS(t *testing.T) {
	t.Parallel()
	for _, n := range []int{8, 64} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			a := openAccount(t, awslab.Config{Boot: 500 * time.Millisecond, Visible: 500 * time.Millisecond, Shutdown: 500 * time.Millisecond})
			began := time.Now()
			onAWS := a.search(t, a.gofab(t, a.home, "play", "search.yaml", "-e", "provider=aws", "-e", "D=4", "-e", fmt.Sprint("N=", n)), n)
			seconds := int(time.Since(began).Seconds())
			home := t.TempDir()
			onLocal := a.search(t, gofab(t, home, "play", "search.yaml", "-e", "D=4", "-e", fmt.Sprint("N=", n)), n)
			if got, want := shape(onAWS), shape(onLocal); !slices.Equal(got, want) {
				t.Errorf("on AWS\n%s\nand on local machines\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			a.empty(t)
			if runs, describes := a.count("RunInstances"), a.count("DescribeInstances"); runs != 1 || describes > 8+seconds {
				t.Errorf("%d RunInstances, %d DescribeInstances in %d s", runs, describes, seconds)
			}
			if sent := a.count("SendMessage"); sent != 1 {
				t.Errorf("the winner was announced %d times", sent)
			}
			for _, name := range slices.Sorted(maps.Keys(a.calls())) {
				t.Logf("%4d %s", a.calls()[name], name)
			}
		})
	}
}

// search runs a search and sees that its logs have come home.
func (a *account) search(t *testing.T, cmd *exec.Cmd, n int) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if logs, _ := filepath.Glob(filepath.Join(cmd.Dir, "logs", "Instance*.log")); len(logs) != n {
		t.Errorf("%d logs", len(logs))
	}
	return string(out)
}

var (
	hostName = regexp.MustCompile(`\b(aws|local)-(\d+|\[[0-9,-]+\])`)
	anyWhere = regexp.MustCompile(`(s3://|/)\S+`)
	number   = regexp.MustCompile(`[0-9][0-9.]*`)
	aRunID   = regexp.MustCompile(`[0-9]{8}-[0-9]{6}-search-[a-z2-7]{4}`)
)

// shape is what there is in an output but for what hosts say, names, numbers and the order.
func shape(out string) []string {
	var lines []string
	for line := range strings.Lines(out) {
		if strings.Contains(line, "building the miner") || strings.Contains(line, "machine-seconds") || strings.HasPrefix(line, "[") || hostName.MatchString(line) {
			continue // what differs from run to run: how far the losers were
		}
		if strings.HasPrefix(line, "ending the machines") || strings.HasPrefix(line, "nothing is left, after") {
			continue // said only when it takes long
		}
		line = aRunID.ReplaceAllString(strings.TrimSpace(line), "RUN")
		line = anyWhere.ReplaceAllString(line, "PLACE")
		lines = append(lines, strings.Join(strings.Fields(number.ReplaceAllString(line, "#")), " "))
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}
