package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestSchemesAndBits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, want string }{
		{"--difficulty 4 --scheme prefix-hex", "golden nonce 46697 hash 000009ca48da"},
		{"--difficulty 4 --scheme prefix-raw", "golden nonce 86953 hash 0000b8c7c27e"},
		{"--difficulty 4 --scheme suffix-hex", "golden nonce 16747 hash 0000306f3606"},
		{"--difficulty 4 --scheme suffix-raw", "golden nonce 9248 hash 00005ae06e5b"},
		{"--bits 20", "golden nonce 46697 hash 000009ca48da"},
		{"--bits 20 --stride nonce --count 8 --index 1", "golden nonce 46697 hash 000009ca48da"},
		{"--bits 20 --count 8 --index 4", "golden nonce 46697 hash 000009ca48da"},
		{"--bits 20 --kernel generic --smallest", "golden nonce 46697 hash 000009ca48da"},
		{"--bits 20 --smallest=false --threads 3", "golden nonce "},
	} {
		if got := run(t, strings.Fields(test.args)...); got.code != 0 || !strings.HasPrefix(got.stdout, test.want) {
			t.Errorf("%s: %+v", test.args, got)
		}
	}
}

func TestKernels(t *testing.T) {
	t.Parallel()
	got := run(t, "--kernels")
	if got.code != 0 || got.stderr != "" || !regexp.MustCompile(`(?m)^generic +\S+ [kMG]/s  crypto/sha256`).MatchString(got.stdout) {
		t.Errorf("%+v", got)
	}
}

func TestCoverage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, want string }{
		{"--end 4096", ", exhausted, 0..4095 covered\n"},
		{"--start 7 --end 50000 --count 3 --index 1", ", exhausted, 7..49999 covered (share 1 of 3)\n"},
		{"--start 7 --end 7", ", exhausted, the range is empty\n"},
		{"--start 7 --end 18446744073709551616 --time-limit 1ns", " without holes\n|, nothing covered\n"},
	} {
		got := run(t, append(strings.Fields(test.args), "--difficulty", "64")...)
		if got.code != 1 || !regexp.MustCompile(strings.NewReplacer("(", `\(`, ")", `\)`).Replace(test.want)+"$").MatchString(got.stdout) {
			t.Errorf("%s: %+v", test.args, got)
		}
	}
}

// A search that is stopped and resumed again and again tests every nonce once.
func TestResume(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state")
	args := []string{"--difficulty", "64", "--threads", "2", "--end", "2000000", "--kernel", "generic", "--resume", state, "--count", "2", "--index", "1"}
	tried, rounds := 0, 0
	for exhausted := false; !exhausted; rounds++ {
		got := run(t, append(args, "--time-limit", "60ms")...)
		var n int
		if _, err := fmt.Sscanf(got.stdout, "none tried %d in", &n); err != nil || got.code != 1 || got.stderr != "" {
			t.Fatalf("%+v", got)
		}
		tried += n
		exhausted = strings.HasSuffix(got.stdout, "exhausted, 0..1999999 covered (share 1 of 2)\n")
		var saved struct{ Covered []any }
		if err := json.Unmarshal([]byte(read(t, state)), &saved); err != nil || n > 0 && len(saved.Covered) == 0 {
			t.Fatalf("state %q: %v", read(t, state), err)
		}
	}
	if tried != 1_000_000 || rounds < 2 {
		t.Errorf("%d nonces tried in %d rounds, want 1000000 in several", tried, rounds)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(state), ".state-*")); left != nil {
		t.Errorf("left: %q", left)
	}
	other := run(t, append(args, "--block", "x")...)
	if other.code != 2 || !strings.Contains(other.stderr, "another search") {
		t.Errorf("the state of another search: %+v", other)
	}
	if err := os.WriteFile(state, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if broken := run(t, args...); broken.code != 2 || !strings.Contains(broken.stderr, "remove it") {
		t.Errorf("a broken state: %+v", broken)
	}
}

// What was found is found again at once.
func TestResumeAfterAFind(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state")
	for range 2 {
		got := run(t, "--difficulty", "4", "--threads", "2", "--resume", state)
		if got.code != 0 || !strings.HasPrefix(got.stdout, "golden nonce 46697 ") {
			t.Errorf("%+v", got)
		}
	}
}

// A kill leaves the state of at most a second before.
func TestStateIsWrittenMeanwhile(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state")
	wait, process := start(t, "--difficulty", "64", "--resume", state)
	await(t, state, `"covered":[{"first":0,`)
	if err := process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wait()
	var saved map[string]any
	if err := json.Unmarshal([]byte(read(t, state)), &saved); err != nil {
		t.Error(err)
	}
}

func TestEndOfStdin(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	command := exec.Command(binary, "--difficulty", "64", "--stdin", "--log", log, "--progress", "5ms", "--announce", "5ms")
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	command.Stderr = &stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, log, "progress")
	time.Sleep(20 * time.Millisecond) // it goes on while stdin is open
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(stdout)
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); command.ProcessState.ExitCode() != 1 {
		t.Error(err)
	}
	if !strings.Contains(string(text), " covered 0..") || !strings.HasSuffix(read(t, log), " stop end of stdin\n") {
		t.Errorf("stdout %q, log:\n%s", text, read(t, log))
	}
	announced := regexp.MustCompile(`^(@progress 0\.\d{6} rate \S+ \S+ (nothing covered|covered 0\.\.\d+ without holes)\n)+$`)
	if !announced.MatchString(stderr.String()) {
		t.Errorf("stderr %q", stderr.String())
	}
}
