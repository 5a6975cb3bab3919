package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// race is a play in which everybody is at work when the blow comes: with children, one of them in
// a session of its own, that take no notice of polite signals.
const race = `
name: race
deadline: 60
reserve: 20
steps:
  - provision: {count: 3, ttl: %s}
  - name: search
    run-parallel:
      cmd: |
        trap '' TERM INT
        setsid sleep 1000 &
        sleep 1000 &
        echo log of {{ index }} >log
        echo started
        while :; do sleep 1; done
      stop_when: first-success
      announce: true
      grace: 300ms
  - get: {src: log, dest: "logs/{{ index }}"}
    always: true
  - upload: logs/
    always: true
  - run-parallel: echo waiting; sleep %d
    always: true
  - scram:
`

// playing is a gofab play under way.
type playing struct {
	*exec.Cmd
	home   string
	stderr bytes.Buffer
	mu     sync.Mutex
	stdout bytes.Buffer
}

func (p *playing) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stdout.Write(b)
}

func (p *playing) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stdout.String()
}

// await waits until the play has said a word so many times.
func (p *playing) await(t *testing.T, word string, times int) {
	t.Helper()
	for range 600 {
		if strings.Count(p.said(), word) >= times {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("not %d times %s: %s%s", times, word, p.said(), &p.stderr)
}

func start(t *testing.T, book string) *playing {
	t.Helper()
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "race.yaml"), []byte(book), 0o644); err != nil {
		t.Fatal(err)
	}
	p := &playing{Cmd: gofab(t, home, "play", "race.yaml"), home: home}
	p.Stdout, p.Stderr = p, &p.stderr
	p.WaitDelay = 5 * time.Second
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Process.Kill()
		for _, left := range processesOf(home) {
			left.kill()
		}
	})
	return p
}

// A signal in the middle of a race: the always steps run, everything goes, the status says why.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for sig, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			p := start(t, fmt.Sprintf(race, "5m", 0))
			p.await(t, "started", 3)
			p.Process.Signal(sig)
			p.Wait()
			if got := p.ProcessState.ExitCode(); got != code {
				t.Errorf("exit status %d, not %d:\n%s", got, code, &p.stderr)
			}
			if want := fmt.Sprintf("stopping: interrupted (%v); the always steps have 20s\n", sig); !strings.Contains(p.stderr.String(), want) {
				t.Errorf("stderr does not say %q:\n%s", want, &p.stderr)
			}
			for i := range 3 {
				if log, err := os.ReadFile(filepath.Join(p.home, "logs", fmt.Sprint(i))); string(log) != fmt.Sprintf("log of %d\n", i) {
					t.Errorf("log %d: %q, %v", i, log, err)
				}
			}
			if objects, _ := filepath.Glob(filepath.Join(stateOf(p.home), "runs/*/bucket/logs/*")); len(objects) != 3 {
				t.Errorf("in the bucket: %v", objects)
			}
			endClean(t, p.home)
		})
	}
}

// A second Ctrl-C leaves at once and says how to clean up, which then works.
func TestInterruptedTwice(t *testing.T) {
	t.Parallel()
	p := start(t, fmt.Sprintf(race, "5m", 60))
	p.await(t, "started", 3)
	p.Process.Signal(os.Interrupt)
	p.await(t, "waiting", 3)
	time.Sleep(time.Second) // signals that come together are one wish
	p.Process.Signal(os.Interrupt)
	began := time.Now()
	p.Wait()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %v to leave", took)
	}
	if code := p.ProcessState.ExitCode(); code != 10 {
		t.Errorf("exit status %d, not 10:\n%s", code, &p.stderr)
	}
	remedy := regexp.MustCompile(`gofab scram (\S+)\n`).FindStringSubmatch(p.stderr.String())
	if remedy == nil {
		t.Fatalf("it does not say what to do:\n%s", &p.stderr)
	}
	if out, err := gofab(t, p.home, "ls").CombinedOutput(); err != nil || !regexp.MustCompile(remedy[1]+` +race +local +left +3 `).Match(out) {
		t.Errorf("gofab ls: %s, %v", out, err)
	}
	if out, err := gofab(t, p.home, "scram", remedy[1]).CombinedOutput(); err != nil || !strings.Contains(string(out), "3 machines ended, nothing is left") {
		t.Errorf("gofab scram: %s, %v", out, err)
	}
	endClean(t, p.home)
}

// Whenever gofab is killed, gofab scram --all leaves nothing behind.
func TestKilled(t *testing.T) {
	t.Parallel()
	const moments = 20
	for i := range moments {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			p := start(t, fmt.Sprintf(race, "5m", 0))
			wait := make(chan struct{})
			go func() {
				p.Wait()
				close(wait)
			}()
			if i < moments/2 { // while it starts
				time.Sleep(time.Duration(i) * 60 * time.Millisecond)
			} else { // while it ends
				p.await(t, "started", 3)
				p.Process.Signal(os.Interrupt)
				time.Sleep(time.Duration(i-moments/2) * 100 * time.Millisecond)
			}
			p.Process.Kill()
			<-wait
			if out, err := gofab(t, p.home, "scram", "--all").CombinedOutput(); err != nil {
				t.Errorf("gofab scram --all: %v\n%s", err, out)
			}
			endClean(t, p.home)
		})
	}
}

// Nobody comes to clean up: the commands end with the connection, the machines with their time
// to live.
func TestForgotten(t *testing.T) {
	t.Parallel()
	p := start(t, fmt.Sprintf(race, "8s", 0))
	p.await(t, "started", 3)
	p.Process.Kill()
	p.Wait()
	for range 400 {
		if len(processesOf(p.home)) == 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if left := processesOf(p.home); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if out, err := gofab(t, p.home, "ls", "--json").Output(); err != nil || string(out) != "[]\n" {
		t.Errorf("gofab ls: %s, %v", out, err)
	}
}

// A command on the controller does not outlive gofab either.
func TestKilledInLocal(t *testing.T) {
	t.Parallel()
	p := start(t, "steps:\n  - local: setsid sleep 1000 & echo started; sleep 1000\n")
	p.await(t, "started", 1)
	p.Process.Kill()
	p.Wait()
	for range 200 {
		if len(processesOf(p.home)) == 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	endClean(t, p.home)
}

// timeout(1) and others signal the process and then its group, and so the process twice: that is
// one wish, and the machines are ended.
func TestInterruptedTwiceAtOnce(t *testing.T) {
	t.Parallel()
	p := start(t, fmt.Sprintf(race, "5m", 60))
	p.await(t, "started", 3)
	p.Process.Signal(syscall.SIGTERM)
	p.Process.Signal(syscall.SIGTERM)
	p.Wait()
	if code := p.ProcessState.ExitCode(); code != 143 {
		t.Errorf("exit status %d, not 143:\n%s", code, &p.stderr)
	}
	endClean(t, p.home)
}
