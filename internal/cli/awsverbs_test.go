package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/lab/awslab"
)

// says runs a command of the user's and expects an exit status and words.
func (a *account) says(t *testing.T, at string, status int, pattern string, args ...string) string {
	t.Helper()
	cmd := a.gofab(t, at, args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != status || !regexp.MustCompile(pattern).Match(out) {
		t.Errorf("gofab %q: exit status %d, not %d, or it does not say %q:\n%s", args, got, status, pattern, out)
	}
	return string(out)
}

func (a *account) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(a.home, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// kept leaves machines in a region, with a queue and a group.
func (a *account) kept(t *testing.T, at, region string) {
	t.Helper()
	cmd := a.gofab(t, at, "play", filepath.Join(a.home, "keep.yaml"), "--keep")
	cmd.Env = append(cmd.Env, "AWS_REGION="+region)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

const keep = `
provider: aws
steps:
  - provision: {count: 2, ttl: 30m}
  - run-parallel: {cmd: "true", stop_when: first-success, announce: true}
`

// scram with the journal goes where the journal says; without it, where it is told to.
func TestScramOnAWS(t *testing.T) {
	t.Parallel()
	a := openAccount(t, awslab.Config{})
	a.write(t, "keep.yaml", keep)
	a.kept(t, a.home, "eu-west-1")
	a.kept(t, a.home, "us-east-1")
	a.says(t, a.home, 0, `(?s)aws +kept +2 .*aws +kept +2 `, "ls")
	a.says(t, a.home, 0, `(?s)2 machines ended.*2 machines ended`, "scram", "--all")
	a.empty(t)

	a.kept(t, t.TempDir(), "eu-west-1")
	a.kept(t, t.TempDir(), "us-east-1")
	stranger := t.TempDir()
	a.says(t, stranger, 0, `^nothing to end`, "scram", "--all")
	a.says(t, stranger, 0, `(?s)of \S+@\S+: 2 machines ended`, "scram", "--all", "--provider", "aws") // in the environment's region
	if left := strings.Join(a.Left(), "\n"); strings.Contains(left, "us-east-1:") || !strings.Contains(left, "eu-west-1: instance") {
		t.Errorf("left:\n%s", left)
	}
	a.says(t, stranger, 0, `^nothing to end`, "reap", "--provider", "aws", "--all-regions") // nothing has expired
	a.says(t, stranger, 0, `2 machines ended`, "scram", "--all", "--provider", "aws", "--all-regions")
	a.empty(t)
	a.says(t, stranger, 0, `^nothing to end`, "scram", "--all", "--provider", "aws", "--region", "eu-west-1,us-east-1")
	if entries, err := os.ReadDir(filepath.Join(stateOf(stranger), "runs")); err == nil && len(entries) > 0 {
		t.Errorf("the stranger's state has %v", entries)
	}
}

// A run that is known to the account alone is ended by its name.
func TestScramByNameOnAWS(t *testing.T) {
	t.Parallel()
	a := openAccount(t, awslab.Config{})
	a.write(t, "keep.yaml", keep)
	a.kept(t, a.home, "eu-west-1")
	entries, err := os.ReadDir(filepath.Join(stateOf(a.home), "runs"))
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	stranger := t.TempDir()
	a.says(t, stranger, 5, `no run `, "scram", entries[0].Name(), "--provider", "aws")
	a.says(t, stranger, 0, `2 machines ended`, "scram", entries[0].Name(), "--provider", "aws", "--region", "eu-west-1")
	a.empty(t)
}

func TestScramDeniedOnAWS(t *testing.T) {
	t.Parallel()
	a := openAccount(t, awslab.Config{})
	a.write(t, "keep.yaml", keep)
	a.kept(t, a.home, "us-east-1")
	stranger := t.TempDir()
	a.Fault(awslab.Fault{Action: "DescribeInstances", Code: "UnauthorizedOperation"})
	a.says(t, stranger, 10, `could not be looked for.*may not do ec2:DescribeInstances`, "scram", "--all", "--provider", "aws")
	a.says(t, stranger, 0, ``, "scram", "--all", "--provider", "aws")
	a.empty(t)
}

func TestReachFlags(t *testing.T) {
	t.Parallel()
	a := &account{home: t.TempDir()}
	for _, args := range [][]string{
		{"scram", "--all", "--provider", "azure"},
		{"scram", "--all", "--provider", "local"},
		{"scram", "--all", "--region", "eu-west-1"},
		{"reap", "--all-regions"},
		{"reap", "run"},
		{"check"},
		{"check", "gcp"},
	} {
		cmd := gofab(t, a.home, args...)
		if out, err := cmd.CombinedOutput(); err == nil || cmd.ProcessState.ExitCode() != 5 {
			t.Errorf("gofab %q: %v\n%s", args, err, out)
		}
	}
}

// check, and every play before it does anything, says what is missing, in seconds.
func TestCheckAWS(t *testing.T) {
	t.Parallel()
	a := openAccount(t, awslab.Config{Denied: []string{"RunInstances"}})
	a.says(t, a.home, 1, `(?s)^ok .*FAILED  ec2:RunInstances.*may not do ec2:RunInstances.*--policy`, "check", "aws")
	a.says(t, a.home, 0, `"ec2:RunInstances"`, "check", "aws", "--policy")
	for name, c := range map[string]struct {
		env  []string
		says string
	}{
		"no region":      {nil, "no AWS region is set\nset AWS_REGION"},
		"no credentials": {[]string{"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY="}, "no AWS credentials: .*\nset AWS_ACCESS_KEY_ID"},
		"no network":     {[]string{"AWS_ENDPOINT_URL=http://127.0.0.1:1"}, "connection refused\nis the network up"},
		"no profile":     {[]string{"AWS_PROFILE=nobody"}, "nobody"},
	} {
		for _, args := range [][]string{{"check", "aws"}, {"play", "search.yaml", "-e", "provider=aws"}} {
			cmd := a.gofab(t, a.home, args...)
			cmd.Env = append(cmd.Env, c.env...)
			if name == "no region" { // an empty one is none that is set, to the SDK
				cmd.Env = slices.DeleteFunc(cmd.Env, func(v string) bool {
					return strings.HasPrefix(v, "AWS_REGION=") || strings.HasPrefix(v, "AWS_DEFAULT_REGION=")
				})
			}
			began := time.Now()
			out, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != 1 || !regexp.MustCompile(c.says).Match(out) || strings.Contains(string(out), "PLAY") {
				t.Errorf("%s: gofab %q: exit status %d\n%s", name, args, code, out)
			}
			if took := time.Since(began); took > 20*time.Second { // five, on a computer that has nothing else to do
				t.Errorf("%s: it took %v", name, took)
			}
		}
	}
	a.Fault(awslab.Fault{Action: "RunInstances", Code: "UnauthorizedOperation"})
	a.says(t, a.home, 1, `(?s)may not do ec2:RunInstances.*--policy`, "play", "search.yaml", "-e", "provider=aws")
	a.empty(t)
}

// A machine that dies before it has answered is replaced; the play does not notice.
func TestReplacedOnAWS(t *testing.T) {
	t.Parallel()
	a := openAccount(t, awslab.Config{Boot: 300 * time.Millisecond})
	a.write(t, "play.yaml", `
provider: aws
steps:
  - provision: 3
  - run-parallel: echo {{ index }} >out; echo {{ host.address }} >>out
  - get: {src: out, dest: "logs/{{ index }}"}
`)
	var once sync.Once
	a.Hook(func(m awslab.Moment, c awslab.Call) {
		if m == awslab.After && c.Action == "RunInstances" && c.Params.Get("DryRun") == "" {
			once.Do(func() {
				a.Fail(a.Instances()[1].ID, "Server.InternalError", "Server.InternalError: Internal error on launch")
			})
		}
	})
	out := a.says(t, a.home, 0, `has ended \(Server.InternalError: Internal error on launch\) before it answered: ordering another`, "play", "play.yaml")
	for i, name := range []string{"0", "1", "2"} {
		log, err := os.ReadFile(filepath.Join(a.home, "logs", name))
		if !regexp.MustCompile(`^` + name + `\n127\.[0-9.]+\n$`).Match(log) {
			t.Errorf("log %d: %q, %v\n%s", i, log, err, out)
		}
	}
	if n := len(a.Instances()); n != 4 {
		t.Errorf("%d instances", n)
	}
	a.empty(t)
}

// race plays race.yaml until the command of both hosts has started.
func (a *account) race(t *testing.T) *playing {
	t.Helper()
	p := &playing{Cmd: a.gofab(t, a.home, "play", "race.yaml"), home: a.home}
	p.Stdout, p.Stderr = p, &p.stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	p.await(t, "started", 2)
	return p
}

// Ctrl-C in the middle: the always steps run, and everything goes.
func TestInterruptedOnAWS(t *testing.T) {
	t.Parallel()
	a := openAccount(t, awslab.Config{})
	a.write(t, "race.yaml", `
provider: aws
deadline: 60
steps:
  - provision: 2
  - run-parallel: {cmd: "echo log >log; echo started; sleep 1000", stop_when: first-success, announce: true}
  - get: {src: log, dest: "logs/{{ index }}"}
    always: true
`)
	p := a.race(t)
	p.Process.Signal(syscall.SIGINT)
	p.Wait()
	if code := p.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit status %d:\n%s", code, &p.stderr)
	}
	if logs, _ := filepath.Glob(filepath.Join(a.home, "logs", "*")); len(logs) != 2 {
		t.Errorf("logs: %v", logs)
	}
	a.empty(t)
}

// A scram from another terminal in the middle: the play says what has become of it, though the queue
// goes before the machines do.
func TestEndedOutsideOnAWS(t *testing.T) {
	t.Parallel()
	a := openAccount(t, awslab.Config{Shutdown: 2 * time.Second})
	a.write(t, "race.yaml", `
provider: aws
steps:
  - provision: 2
  - run-parallel: {cmd: "echo started; sleep 1000", stop_when: first-success, announce: true}
`)
	p := a.race(t)
	a.says(t, a.home, 0, `2 machines ended`, "scram", "--all")
	p.Wait()
	said := p.stderr.String()
	if code := p.ProcessState.ExitCode(); code != 4 || strings.Count(said, "stopping: gofab scram has ended this run's machines from outside") != 1 {
		t.Errorf("exit status %d:\n%s", code, said)
	}
	if regexp.MustCompile(`(?m)^(unreachable|failed|warning):`).MatchString(said) {
		t.Errorf("it blames others:\n%s", said)
	}
	a.says(t, a.home, 0, `aws +ended +0 `, "ls", "-a")
	a.empty(t)
}

// A message from outside ends a race on AWS, too; a queue that was named stays, with the winner.
func TestNamedQueueOnAWS(t *testing.T) {
	t.Parallel()
	a := openAccount(t, awslab.Config{})
	a.write(t, "race.yaml", `
provider: aws
steps:
  - provision: {count: 2, queue: results}
  - run-parallel: {cmd: "echo golden nonce 116", stop_when: first-success, announce: true}
`)
	a.says(t, a.home, 1, `there is no queue results`, "play", "race.yaml")
	a.empty(t)
	client := a.sqs(t)
	url := client.create("results")
	a.says(t, a.home, 0, `won: \[aws-`, "play", "race.yaml")
	body := client.receive(url)
	for _, word := range []string{"golden nonce 116", `"host":"aws-`, `"time":"`, `"run":"`} {
		if !strings.Contains(body, word) {
			t.Errorf("announced without %s: %s", word, body)
		}
	}
	client.delete(url)
	a.empty(t)
}
