package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const golden116 = "golden nonce 116 hash 00a722b0e1eab12e68928824ce82e5bc7cec6740e6cd0d3ffbe63260badc53fa tried 117 in "

var binary string

func TestMain(m *testing.M) { os.Exit(withBinary(m)) }

// withBinary runs the tests with the miner built as it is for machines.
func withBinary(m *testing.M) int {
	dir, err := os.MkdirTemp("", "miner-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "miner")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

type outcome struct {
	code           int
	stdout, stderr string
}

func start(t *testing.T, args ...string) (wait func() outcome, process *os.Process) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	command := exec.Command(binary, args...)
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return func() outcome {
		var exit *exec.ExitError
		if err := command.Wait(); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return outcome{command.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	}, command.Process
}

func run(t *testing.T, args ...string) outcome {
	t.Helper()
	wait, _ := start(t, args...)
	return wait()
}

func TestFound(t *testing.T) {
	t.Parallel()
	one := regexp.MustCompile("^" + golden116 + `\d+\.\d{3} s \(\d+(\.\d [kMG])? ?/s\)` + "\n$")
	for _, args := range [][]string{
		{"--difficulty", "2"},
		{"--difficulty=2", "--end=117"},
		{"-difficulty", "2", "--index", "0", "--count", "1", "--start", "0", "--end", "18446744073709551616"},
		{"--difficulty=2", "--block=COMSM0010cloud", "--time-limit=200s", "--threads=1", "--progress=1s"},
		{"--difficulty", "2", "--time-limit", "0", "--progress", "0"},
	} {
		if got := run(t, args...); got.code != 0 || got.stderr != "" || !one.MatchString(got.stdout) {
			t.Errorf("%q: %+v", args, got)
		}
	}
}

func TestNone(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		tried string
		args  []string
	}{
		{"4096", []string{"--difficulty", "64", "--end", "4096"}},
		{"4096", []string{"--difficulty", "64", "--end", "4096", "--threads", "0"}},
		{"116", []string{"--difficulty", "2", "--end", "116"}},
		{"0", []string{"--difficulty", "2", "--start", "7", "--end", "7"}},
		{"0", []string{"--difficulty", "1", "--start", "0", "--end", "0"}},
		{"0", []string{"--difficulty", "1", "--stride", "nonce", "--index", "5", "--count", "8", "--end", "5"}},
		{"2", []string{"--difficulty", "64", "--start", "18446744073709551614", "--end", "18446744073709551616"}},
		{"1", []string{"--difficulty", "64", "--start", "18446744073709551614", "--end", "18446744073709551615"}},
		{"10000", []string{"--difficulty", "64", "--end", "080000", "--count", "08"}},
	} {
		got := run(t, test.args...)
		if got.code != 1 || got.stderr != "" || !strings.HasPrefix(got.stdout, "none tried "+test.tried+" in ") || strings.Count(got.stdout, "\n") != 1 {
			t.Errorf("%q: %+v", test.args, got)
		}
	}
}

func TestTrouble(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing", "log")
	for _, test := range []struct {
		want string
		args []string
	}{
		{"no difficulty given; add --difficulty D, 1 to 64", nil},
		{"choose 1 to 64", []string{"--difficulty", "0"}},
		{"choose 1 to 64", []string{"--difficulty=-1"}},
		{"choose 1 to 64", []string{"--difficulty", "65"}},
		{"parse error; miner --help lists the flags", []string{"--difficulty", "two"}},
		{"choose a count of 1 or more", []string{"--difficulty", "2", "--count", "0"}},
		{"with count 8 choose 0 to 7", []string{"--difficulty", "2", "--index", "8", "--count", "8"}},
		{"choose an end of at least 9", []string{"--difficulty", "2", "--start", "9", "--end", "8"}},
		{"-start: write a whole number", []string{"--difficulty", "2", "--start=-1"}},
		{"-end: write a whole number from 0 to 18446744073709551616", []string{"--difficulty", "2", "--end", "18446744073709551617"}},
		{"threads -1: choose", []string{"--difficulty", "2", "--threads=-1"}},
		{"write a time such as 200s", []string{"--difficulty", "2", "--time-limit", "200"}},
		{"write a time such as 200s", []string{"--difficulty", "2", "--progress=-1s"}},
		{"choose another --log", []string{"--difficulty", "2", "--log", missing}},
		{"not defined: -dificulty; miner --help", []string{"--dificulty", "2"}},
		{`unexpected argument "2"`, []string{"--difficulty", "2", "2"}},
		{"give one of them", []string{"--difficulty", "2", "--bits", "8"}},
		{"choose 1 to 256", []string{"--bits", "257"}},
		{"choose prefix-hex, prefix-raw, suffix-hex, suffix-raw", []string{"--difficulty", "2", "--scheme", "infix"}},
		{"choose chunk or nonce", []string{"--difficulty", "2", "--stride", "2"}},
		{"choose a multiple of 10000", []string{"--difficulty", "2", "--chunk", "12345"}},
		{`kernel "magic": choose `, []string{"--difficulty", "2", "--kernel", "magic"}},
		{"choose another --resume", []string{"--difficulty", "2", "--resume", missing}},
		{"choose 1 to 64\nminer: count 0", []string{"--difficulty", "0", "--count", "0"}},
	} {
		got := run(t, test.args...)
		if got.code != 2 || got.stdout != "" || !strings.HasPrefix(got.stderr, "miner: ") || !strings.Contains(got.stderr, test.want) {
			t.Errorf("%q: %+v, want %q", test.args, got, test.want)
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	if got := run(t, "--help"); got.code != 0 || !strings.HasPrefix(got.stdout, "usage: miner") {
		t.Errorf("%+v", got)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		end   string
		code  int
		nonce any
		hash  any
		tried float64
	}{
		{"117", 0, 116.0, "00a722b0e1eab12e68928824ce82e5bc7cec6740e6cd0d3ffbe63260badc53fa", 117},
		{"116", 1, nil, nil, 116},
		{"0", 1, nil, nil, 0},
	} {
		got := run(t, "--json", "--difficulty", "2", "--end", test.end)
		var object map[string]any
		if err := json.Unmarshal([]byte(got.stdout), &object); err != nil || strings.Count(got.stdout, "\n") != 1 {
			t.Fatalf("%q: %v", got.stdout, err)
		}
		if got.code != test.code || len(object) != 7 || object["nonce"] != test.nonce || object["hash"] != test.hash || object["tried"] != test.tried {
			t.Errorf("end %s: exit %d, %v", test.end, got.code, object)
		}
		for _, key := range []string{"seconds", "rate"} {
			if number, ok := object[key].(float64); !ok || number < 0 {
				t.Errorf("end %s: %s is %v", test.end, key, object[key])
			}
		}
	}
}

func TestTimeLimit(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	began := time.Now()
	got := run(t, "--difficulty", "64", "--time-limit", "300ms", "--log", log)
	if took := time.Since(began); took < 300*time.Millisecond || took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	if got.code != 1 || got.stderr != "" || !strings.HasPrefix(got.stdout, "none tried ") {
		t.Errorf("%+v", got)
	}
	if text := read(t, log); !strings.HasSuffix(text, " stop time limit 300ms reached\n") {
		t.Errorf("log:\n%s", text)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

// await waits until the log says something, and meanwhile checks that it has only whole lines.
func await(t *testing.T, log, text string) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(time.Millisecond) { // another process is awaited
		now := read(t, log)
		if now != "" && !strings.HasSuffix(now, "\n") {
			t.Fatalf("the log ends in the middle of a line: %q", now)
		}
		if strings.Contains(now, text) {
			return
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("no %q in the log:\n%s", text, now)
		}
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	for range 2 { // the second run appends
		if got := run(t, "--difficulty", "64", "--end", "4000000", "--log", log, "--progress", "10ms", "--block", "a b\n"); got.code != 1 {
			t.Fatalf("%+v", got)
		}
	}
	if got := run(t, "--difficulty", "2", "--log", log); got.code != 0 {
		t.Fatalf("%+v", got)
	}
	const stamp = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z `
	first := `(` + stamp + `start difficulty 64 index 0 count 1 start 0 end 4000000 block "a b\\n" scheme prefix-hex kernel \S+ threads 1 time-limit none pid \d+ \S+ \S+\n` +
		`(` + stamp + `progress tried \d+ rate \S+ \S+ (nothing covered|covered 0\.\.\d+ without holes|exhausted, \S+ covered)\n)+` +
		stamp + `none tried 4000000 in .*\n` +
		stamp + `stop exhausted\n){2}`
	second := stamp + `start difficulty 2 .* block "COMSM0010cloud" .*\n` + stamp + golden116 + `.*\n` + stamp + `stop found\n`
	if text := read(t, log); !regexp.MustCompile("^" + first + second + "$").MatchString(text) {
		t.Errorf("log:\n%s", text)
	}
}

func TestSignals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		signal  syscall.Signal
		threads string
	}{{syscall.SIGTERM, "1"}, {syscall.SIGINT, "1"}, {syscall.SIGTERM, "0"}} {
		t.Run(test.signal.String()+"/threads="+test.threads, func(t *testing.T) {
			fastest := time.Hour
			for range 5 { // others use this machine too, so the best of some tries is judged
				log := filepath.Join(t.TempDir(), "log")
				wait, process := start(t, "--difficulty", "64", "--threads", test.threads, "--log", log, "--progress", "5ms")
				await(t, log, "progress")
				sent := time.Now()
				if err := process.Signal(test.signal); err != nil {
					t.Fatal(err)
				}
				got := wait()
				fastest = min(fastest, time.Since(sent))
				if got.code != 1 || got.stderr != "" || !strings.HasPrefix(got.stdout, "none tried ") || strings.HasPrefix(got.stdout, "none tried 0 ") {
					t.Errorf("%+v", got)
				}
				if text := read(t, log); !strings.HasSuffix(text, " stop "+test.signal.String()+" signal received\n") {
					t.Errorf("log:\n%s", text)
				}
			}
			t.Logf("from signal to exit: %s", fastest)
			if fastest > 20*time.Millisecond {
				t.Errorf("from signal to exit: %s, want at most 20ms", fastest)
			}
		})
	}
}

func TestEasySearchHasOneAnswerWhicheverHostIsFirst(t *testing.T) {
	t.Parallel()
	for index := range 8 {
		got := run(t, "--difficulty", "2", "--index", strconv.Itoa(index), "--count", "8", "--common", "65536")
		if !strings.HasPrefix(got.stdout, "golden nonce 116 ") {
			t.Errorf("host %d of 8 says %q, want nonce 116", index, got.stdout)
		}
	}
}
