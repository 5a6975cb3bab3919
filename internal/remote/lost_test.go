package remote_test

import (
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/lab"
	"github.com/gofab/gofab/internal/remote"
	"github.com/gofab/gofab/runner"
)

// stays is a task that only KILL ends, with all that can be hard to find.
const stays = "trap '' TERM INT HUP PIPE; (while :; do sleep 1000; done) & setsid sh -c \"trap '' TERM INT HUP; while :; do sleep 1000; done\" & " +
	"sleep 0.3; echo ready; while :; do sleep 1000; done"

// soon is how long a test waits for what happens at once, on a busy machine, too. What depends on a
// silent network's end comes later.
const soon = 8 * time.Second

func TestConnectionClosed(t *testing.T) {
	t.Parallel()
	onShells(t, func(t *testing.T, h *host, c runner.Conn) {
		k := begin(t, c.Exec, runner.Command{Text: stays})
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		k.wait(t, soon)
		if u := unreachable(t, k.err); !strings.Contains(u.Error(), "was closed") {
			t.Error(u)
		}
		lab.Gone(t, k.mark, soon)
		if err := c.Close(); err != nil {
			t.Errorf("closed again: %v", err)
		}
		_, err := c.Exec(t.Context(), runner.Command{Text: "echo"}, io.Discard, io.Discard)
		unreachable(t, err)
		_, err = c.Put(t.Context(), "lost_test.go", "x", runner.PutOptions{})
		unreachable(t, err)
	})
}

func TestConnectionCut(t *testing.T) {
	t.Parallel()
	h := serve(t)
	link := lab.Relay(t, h.addr)
	c := dial(t, &remote.Dialer{}, over(link, h.machine))
	k := begin(t, c.Exec, runner.Command{Text: stays})
	link.Close()
	k.wait(t, soon)
	if u := unreachable(t, k.err); !strings.Contains(u.Error(), "127.0.0.1:") || !strings.Contains(u.Remedy, "12s") {
		t.Errorf("%v; %s", u, u.Remedy)
	}
	lab.Gone(t, k.mark, soon)
}

func TestControllerKilled(t *testing.T) {
	t.Parallel()
	onShells(t, func(t *testing.T, h *host, c runner.Conn) { controllerKilled(t, h.machine) })
}

// controllerKilled has a process of its own run the task, and kills that.
func controllerKilled(t *testing.T, machines ...cloud.Machine) {
	t.Helper()
	mark := rand.Text()
	file := filepath.Join(os.TempDir(), "ready-"+mark+".")
	t.Cleanup(func() {
		for _, name := range readyFiles(file) {
			os.Remove(name)
		}
	})
	kill := startController(t, order{machines, runner.Command{
		Text: strings.Replace(stays, "echo ready", "touch "+file+"$$", 1), Env: map[string]string{"MARK": mark},
	}})
	lab.Eventually(t, 20*time.Second, "the tasks run", func() bool { return len(readyFiles(file)) == max(1, len(machines)) })
	kill()
	t.Logf("gone after %v", lab.Gone(t, mark, soon).Round(time.Millisecond))
}

func readyFiles(prefix string) []string {
	names, _ := filepath.Glob(prefix + "*")
	return names
}

func TestControllerKilledHere(t *testing.T) {
	t.Parallel()
	controllerKilled(t)
}

func TestCancelHere(t *testing.T) {
	t.Parallel()
	cancelAll(t, hereExec)
}

// When the network vanishes without a word, each side finds out by itself: here in the Dialer's
// time, there in that of the heartbeat.
func TestSilentNetwork(t *testing.T) {
	t.Parallel()
	h := serve(t)
	silentNetwork(t, h.addr, h.machine, stays)
}

// leaves is a task whose first process obeys TERM, and another does not.
const leaves = "setsid sh -c \"trap '' TERM INT HUP; while :; do sleep 1000; done\" & sleep 0.3; echo ready; sleep 1000"

func silentNetwork(t *testing.T, addr string, m cloud.Machine, text string) {
	t.Helper()
	link := lab.Relay(t, addr)
	c := dial(t, &remote.Dialer{}, over(link, m))
	k := begin(t, c.Exec, runner.Command{Text: text})
	began := time.Now()
	link.Silence()
	k.wait(t, remote.DefaultSilence+soon)
	t.Logf("given up after %v", time.Since(began).Round(time.Millisecond))
	if u := unreachable(t, k.err); !strings.Contains(u.Error(), "has been silent for") {
		t.Error(u)
	}
	lab.Gone(t, k.mark, 15*time.Second+soon-time.Since(began))
	t.Logf("gone after %v", time.Since(began).Round(time.Millisecond))
}

// With a short limit: whatever is under way returns, also what was cancelled.
func TestSilence(t *testing.T) {
	t.Parallel()
	h := serve(t)
	link := lab.Relay(t, h.addr)
	c := dial(t, &remote.Dialer{Silence: time.Second}, over(link, h.machine))
	quiet := begin(t, c.Exec, runner.Command{Text: "echo ready; sleep 1000"})
	time.Sleep(2 * time.Second) // a task may say nothing for longer than a host may
	select {
	case <-quiet.done:
		t.Fatalf("ended: %v", quiet.err)
	default:
	}
	cancelled := begin(t, c.Exec, runner.Command{Text: "echo ready; sleep 1000"})
	link.Silence()
	cancelled.cancel(errStop)
	began := time.Now()
	_, err := c.Exec(t.Context(), runner.Command{Text: "echo"}, io.Discard, io.Discard)
	unreachable(t, err)
	quiet.wait(t, soon)
	unreachable(t, quiet.err)
	cancelled.wait(t, soon)
	if want := "could not confirm that the command has ended: 127.0.0.1:"; cancelled.err == nil || !strings.HasPrefix(cancelled.err.Error(), want) {
		t.Error(cancelled.err)
	}
	if took := time.Since(began); took > soon {
		t.Errorf("it took %v", took)
	}
	// The heartbeat's limit is another test's business.
	link.Close()
	lab.Gone(t, quiet.mark, soon)
	lab.Gone(t, cancelled.mark, soon)
}
