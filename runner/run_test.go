package runner_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/journal"
	"github.com/gofab/gofab/runner"
)

// sleep waits, or less if ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func expect(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s: got %s, want %s", what, g, w)
	}
}

// At the deadline the work stops; the always steps have the reserve beyond it and not more.
func TestDeadlineAndReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{exec: func(ctx context.Context, _ int, cmd string) int {
			d, _ := time.ParseDuration(cmd)
			sleep(ctx, d)
			return 0
		}}
		out := w.play(t, t.Context(), &runner.Play{Deadline: 10 * time.Second, Reserve: 5 * time.Second, Steps: []*runner.Step{
			hosts(2), run("1s"), run("1h"), run("2h"), always(run("3s")), always(run("3h")), always(run("4h")),
		}})
		expect(t, "code", out.Code, runner.ExitDeadline)
		expect(t, "took", time.Since(w.began), 15*time.Second)
		expect(t, "recap", w.recap()[1], runner.HostRecap{Host: "h1", Index: 1, OK: 2, Changed: 2, Stopped: 3})
		expect(t, "ran on 0", ranOn(w, 0), "[1s 1h 3s 3h]")
		expect(t, "notices", w.said(runner.Notice), []string{"the deadline of 10s is reached: stopping; the always steps have 5s"})
	})
}

func ranOn(w *world, host int) []string {
	var cmds []string
	for _, r := range w.ran {
		if cmd, ok := strings.CutPrefix(r, fmt.Sprintf("%d: ", host)); ok {
			cmds = append(cmds, cmd)
		}
	}
	return cmds
}

// A deadline that passes while nothing but always steps were left is none that was missed.
func TestDeadlineDuringAlways(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{exec: func(ctx context.Context, _ int, _ string) int { sleep(ctx, 6*time.Second); return 0 }}
		out := w.play(t, t.Context(), &runner.Play{Deadline: 10 * time.Second, Reserve: 5 * time.Second, Steps: []*runner.Step{
			hosts(1), run("work"), always(run("clean")),
		}})
		expect(t, "code", out.Code, runner.ExitOK)
	})
}

// An interrupt ends the work; always steps run on the hosts that have ever answered, and nobody
// waits for the others.
func TestInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		w := &world{
			exec: func(ctx context.Context, _ int, cmd string) int {
				if cmd == "work" {
					sleep(ctx, time.Hour)
				}
				return 0
			},
			dial: func(_ context.Context, m cloud.Machine) error {
				if m.Name == "h1" {
					return &runner.UnreachableError{Err: errors.New("still booting")}
				}
				return nil
			},
		}
		time.AfterFunc(time.Minute, func() { cancel(&runner.InterruptError{Signal: os.Interrupt}) })
		out := w.play(t, ctx, &runner.Play{Reserve: 30 * time.Second, Steps: []*runner.Step{hosts(2), run("work"), always(run("clean"))}})
		expect(t, "code", out.Code, 130)
		expect(t, "took", time.Since(w.began), time.Minute)
		expect(t, "ran", w.ran, "[0: work 0: clean]")
	})
}

// A host that fails leaves the play and comes back for always steps; one that does not answer
// does not. The worst decides.
func TestHostFailures(t *testing.T) {
	for name, c := range map[string]struct {
		status map[string]int // "host: command" to its exit status; -1: unreachable
		ignore bool
		code   int
		ran    string
		recap  string
	}{
		"none":        {nil, false, 0, "a b c", "ok=3"},
		"first fails": {map[string]int{"1: a": 3}, false, 2, "a c", "ok=1 failed=1"},
		"ignored":     {map[string]int{"1: a": 3}, true, 0, "a b c", "ok=3 ignored=1"},
		"unreachable": {map[string]int{"1: a": -1}, false, 4, "a", "unreachable=1"},
		"not ignored": {map[string]int{"1: a": -1}, true, 4, "a", "unreachable=1"},
		"both":        {map[string]int{"1: a": -1, "0: b": 1}, false, 4, "a", "unreachable=1"},
		"in always":   {map[string]int{"1: c": 1}, false, 2, "a b c", "ok=2 failed=1"},
		"all":         {map[string]int{"0: a": 1, "1: a": 1, "2: a": 1}, false, 2, "a c", "ok=1 failed=1"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{exec: func(_ context.Context, host int, cmd string) int { return c.status[fmt.Sprintf("%d: %s", host, cmd)] }}
				first := run("a")
				first.IgnoreErrors = c.ignore
				out := w.play(t, t.Context(), &runner.Play{Steps: []*runner.Step{hosts(3), first, run("b"), always(run("c"))}})
				expect(t, "code", out.Code, c.code)
				expect(t, "ran", strings.Join(ranOn(w, 1), " "), c.ran)
				r := w.recap()[1]
				got := ""
				for _, n := range []struct {
					name string
					n    int
				}{{"ok", r.OK}, {"unreachable", r.Unreachable}, {"failed", r.Failed}, {"ignored", r.Ignored}} {
					if n.n > 0 {
						got += fmt.Sprintf(" %s=%d", n.name, n.n)
					}
				}
				expect(t, "recap", strings.TrimSpace(got), c.recap)
			})
		})
	}
}

// Once nobody is left, nothing but always steps runs, not even on the controller.
func TestNobodyLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{exec: func(context.Context, int, string) int { return 1 }}
		var done []string
		once := func(name string) *runner.Step {
			return &runner.Step{Name: name, Once: func(context.Context, *runner.Task) (runner.Result, error) {
				done = append(done, name)
				return runner.Result{}, nil
			}}
		}
		out := w.play(t, t.Context(), &runner.Play{Steps: []*runner.Step{hosts(2), once("before"), run("x"), once("never"), always(once("finally"))}})
		expect(t, "code", out.Code, runner.ExitFailed)
		expect(t, "done", done, "[before finally]")
	})
}

func TestRetries(t *testing.T) {
	for name, c := range map[string]struct {
		retries  int
		until    int // attempts after which until is true; 0: no until
		succeeds int // the attempt from which on the status is 0
		timeout  time.Duration
		attempts int
		code     int
		took     time.Duration
	}{
		"no retries":       {0, 0, 1, 0, 1, 0, 0},
		"never":            {2, 0, 9, 0, 3, 2, 20 * time.Second},
		"in time":          {5, 0, 3, 0, 3, 0, 20 * time.Second},
		"until":            {5, 4, 1, 0, 4, 0, 30 * time.Second},
		"until never":      {2, 9, 1, 0, 3, 2, 20 * time.Second},
		"each has timeout": {2, 0, -1, time.Second, 3, 2, 23 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				attempts := 0
				w := &world{exec: func(ctx context.Context, _ int, _ string) int {
					attempts++
					switch {
					case c.succeeds < 0:
						sleep(ctx, time.Hour)
						return 0
					case attempts < c.succeeds:
						return 1
					}
					return 0
				}}
				s := run("x")
				s.Retries, s.Delay, s.Timeout = c.retries, 10*time.Second, c.timeout
				if c.until > 0 {
					s.Until = func(runner.Scope) (bool, error) { return attempts >= c.until, nil }
				}
				out := w.play(t, t.Context(), &runner.Play{Steps: []*runner.Step{hosts(1), s}})
				expect(t, "code", out.Code, c.code)
				expect(t, "attempts", attempts, c.attempts)
				expect(t, "retry events", len(w.said(runner.HostRetry)), c.attempts-1)
				expect(t, "took", time.Since(w.began), c.took)
			})
		})
	}
}

// What a step has registered is seen by each host as its own, and by the controller as a whole.
func TestRegister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{exec: func(_ context.Context, host int, _ string) int { return host % 2 }}
		s := run("x")
		s.Register, s.FailedWhen = "r", func(sc runner.Scope) (bool, error) {
			expect(t, "judged", sc["r"].(map[string]any)["rc"], sc["rc"])
			return false, nil
		}
		s.When = func(sc runner.Scope) (bool, error) { return sc["index"] != 2, nil }
		var mine, all string
		look := &runner.Step{Name: "look", Forks: 1, Host: func(_ context.Context, t *runner.Task) (runner.Result, error) {
			r := t.Scope["r"].(map[string]any)
			mine += fmt.Sprint(r["host"], " ", r["rc"], " ", r["stdout"], " ", r["skipped"], "; ")
			return runner.Result{}, nil
		}}
		sum := &runner.Step{Name: "sum", Once: func(_ context.Context, t *runner.Task) (runner.Result, error) {
			r := t.Scope["r"].(map[string]any)
			for _, x := range r["results"].([]any) {
				all += fmt.Sprint(x.(map[string]any)["index"], x.(map[string]any)["rc"], " ")
			}
			all += fmt.Sprint(r["winner"], r["rc"], t.Scope["index"], t.Scope["count"], t.Scope["v"])
			return runner.Result{}, nil
		}}
		out := w.play(t, t.Context(), &runner.Play{Steps: []*runner.Step{hosts(3), s, look, sum}})
		expect(t, "code", out.Code, 0)
		expect(t, "mine", mine, "h0 0 x by 0 false; h1 1 x by 1 false; h2 <nil> <nil> true; ")
		expect(t, "all", all, "0 0 1 1 2 <nil> <nil> <nil> <nil> 3 1")
	})
}

// A race can be won, and the run be over, while another host still boots.
func TestRaceWonWhileOthersBoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			exec: func(ctx context.Context, host int, _ string) int {
				sleep(ctx, time.Duration(host+1)*time.Second)
				return 0
			},
			dial: func(ctx context.Context, m cloud.Machine) error {
				if m.Name == "h2" {
					sleep(ctx, time.Hour)
					return &runner.UnreachableError{Err: ctx.Err()}
				}
				return nil
			},
		}
		out := w.play(t, t.Context(), &runner.Play{Steps: []*runner.Step{hosts(3), race("go"), always(run("after"))}, Deadline: time.Minute, Reserve: time.Second})
		expect(t, "code", out.Code, runner.ExitOK) // nobody waits for h2
		expect(t, "won", w.said(runner.Won), "[go by 0]")
		expect(t, "stopped", w.recap()[1].Stopped+w.recap()[2].Stopped, 2)
	})
}

func TestRaceEnds(t *testing.T) {
	for name, c := range map[string]struct {
		status []int
		ignore bool
		code   int
		winner any
	}{
		"one wins":           {[]int{1, 0, 1}, false, 0, 1},
		"nobody":             {[]int{1, 1, 1}, false, 1, nil},
		"nobody, ignored":    {[]int{1, 1, 1}, true, 0, nil},
		"trouble, no winner": {[]int{1, 2, 1}, false, 2, nil},
		"trouble, a winner":  {[]int{2, 1, 0}, false, 2, 2},
		"lost, a winner":     {[]int{-1, 1, 0}, false, 4, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{exec: func(ctx context.Context, host int, _ string) int {
					if c.status[host] == 0 {
						sleep(ctx, time.Second)
					}
					return c.status[host]
				}}
				s := race("go")
				s.IgnoreErrors = c.ignore
				var winner any
				look := always(&runner.Step{Name: "look", Once: func(_ context.Context, t *runner.Task) (runner.Result, error) {
					if r, ok := t.Scope["race"].(map[string]any)["winner"].(map[string]any); ok {
						winner = r["index"]
					}
					return runner.Result{}, nil
				}})
				out := w.play(t, t.Context(), &runner.Play{Steps: []*runner.Step{hosts(3), s, look}})
				expect(t, "code", out.Code, c.code)
				expect(t, "winner", winner, c.winner)
			})
		})
	}
}

// A machine that dies before it ever answered is replaced; index and name of its host stay.
func TestReplacement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{why: map[string]string{"id-h1": "Server.InternalError"}}
		w.address = func(i int) string {
			if i == 1 {
				return ""
			}
			return fmt.Sprintf("10.0.0.%d", i)
		}
		time.AfterFunc(5*time.Second, func() { w.lose("h1") })
		var address any
		look := always(&runner.Step{Name: "look", Once: func(_ context.Context, t *runner.Task) (runner.Result, error) {
			address = t.Scope["hosts"].([]any)[1].(map[string]any)["address"]
			return runner.Result{}, nil
		}})
		out := w.play(t, t.Context(), &runner.Play{Steps: []*runner.Step{hosts(3), run("x"), look}})
		expect(t, "code", out.Code, runner.ExitOK)
		expect(t, "machines", w.born, 4)
		expect(t, "recap", w.recap()[1], runner.HostRecap{Host: "h1", Index: 1, OK: 1, Changed: 1})
		expect(t, "address", address, "10.0.0.3")
		if said := w.said(runner.Warning); len(said) != 1 || !strings.Contains(said[0], "id-h1 has ended (Server.InternalError)") {
			t.Errorf("warned %q", said)
		}
	})
}

// What scram has ended has not died young: nobody orders another while the play goes on.
func TestNothingIsOrderedAfterScram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{address: func(i int) string {
			if i == 1 {
				return "" // it boots for ever
			}
			return "10.0.0.1"
		}}
		scram := &runner.Step{Name: "scram", Kind: "scram", Always: true, Once: func(ctx context.Context, t *runner.Task) (runner.Result, error) {
			return t.Run.Scram(ctx)
		}}
		wait := &runner.Step{Name: "wait", Kind: "local", Once: func(context.Context, *runner.Task) (runner.Result, error) {
			time.Sleep(time.Minute)
			return runner.Result{}, nil
		}}
		out := w.play(t, t.Context(), &runner.Play{Steps: []*runner.Step{hosts(2), race("go"), scram, wait}})
		expect(t, "code", out.Code, runner.ExitOK)
		expect(t, "machines", w.born, 2)
	})
}

// Nor does a run order another that somebody else is ending.
func TestNothingIsOrderedAfterSomebodyElsesScram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{address: func(int) string { return "" }}
		dir := t.TempDir()
		w.dir = dir
		time.AfterFunc(5*time.Second, func() {
			j, err := journal.Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			defer j.Close()
			if err := runner.Scram(t.Context(), w, "r", j, nil); err != nil {
				t.Error(err)
			}
		})
		out := w.play(t, t.Context(), &runner.Play{Steps: []*runner.Step{hosts(2), run("x")}})
		expect(t, "code", out.Code, runner.ExitUnreachable)
		expect(t, "machines", w.born, 2)
		_, told := errors.AsType[*runner.OutsideError](out.Err)
		expect(t, "told", told, true)
	})
}

// A run whose machines somebody else has ended says so once, and blames no host: not one that has
// fallen silent, nor one whose command was killed on the way, nor one that was still at work.
func TestEndedOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{dir: t.TempDir(), exec: func(ctx context.Context, host int, _ string) int {
			sleep(ctx, time.Minute+time.Duration(host)*time.Second)
			return []int{-1, 143, 0}[host]
		}}
		time.AfterFunc(time.Minute-time.Second, func() {
			j, err := journal.Open(w.dir)
			if err != nil {
				t.Error(err)
				return
			}
			defer j.Close()
			if err := j.Write(journal.Record{What: journal.Terminate, Run: "r", PID: 7}); err != nil {
				t.Error(err)
			}
		})
		by := fmt.Sprintf("gofab scram has ended this run's machines from outside (process 7, at %s)", time.Now().Add(time.Minute-time.Second).Format(time.TimeOnly))
		packed := false
		pack := always(&runner.Step{Name: "pack", Kind: "local", Once: func(context.Context, *runner.Task) (runner.Result, error) {
			packed = true
			return runner.Result{}, nil
		}})
		work := run("work")
		work.IgnoreErrors = true
		out := w.play(t, t.Context(), &runner.Play{Reserve: 30 * time.Second, Steps: []*runner.Step{hosts(3), work, run("more"), always(run("home")), pack}})
		expect(t, "code", out.Code, runner.ExitUnreachable)
		expect(t, "took", time.Since(w.began), time.Minute)
		expect(t, "notices", w.said(runner.Notice), "[stopping: "+by+"; the always steps have 30s]")
		expect(t, "at the end", w.said(runner.RunEnd), "["+by+"]")
		expect(t, "packed", packed, true)
		expect(t, "runs", len(w.ran), 3)
		for _, r := range w.recap() {
			expect(t, r.Host, fmt.Sprint(r.Stopped, r.Unreachable, r.Failed, r.OK), "1 0 0 0")
		}
	})
}

// queued is a world with a queue, until that is gone.
type queued struct {
	*world
	gone chan struct{}
}

func (queued) Open(context.Context, string, string, time.Time) (string, error) { return "q", nil }
func (queued) Send(context.Context, string, []byte) error                      { return nil }

func (q queued) Receive(ctx context.Context, _ string) ([]byte, error) {
	select {
	case <-q.gone:
		return nil, errors.New("there is no such queue")
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// The queue may go before the machines do: the run does not complain of it, and waits no longer.
func TestQueueEndedOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{dir: t.TempDir(), exec: func(ctx context.Context, _ int, _ string) int {
			sleep(ctx, time.Hour)
			return -1
		}}
		gone := make(chan struct{})
		w.provider = queued{w, gone}
		time.AfterFunc(time.Minute, func() {
			j, err := journal.Open(w.dir)
			if err != nil {
				t.Error(err)
				return
			}
			defer j.Close()
			if err := j.Write(journal.Record{What: journal.Terminate, Run: "r"}); err != nil {
				t.Error(err)
			}
			close(gone)
		})
		s := race("go")
		s.Race.Announce = true
		out := w.play(t, t.Context(), &runner.Play{Steps: []*runner.Step{hosts(2), s}})
		expect(t, "code", out.Code, runner.ExitUnreachable)
		expect(t, "took", time.Since(w.began), time.Minute)
		expect(t, "warnings", len(w.said(runner.Warning)), 0)
		expect(t, "notices", len(w.said(runner.Notice)), 1)
	})
}

// An image that never boots does not make machines for ever.
func TestReplacementEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{address: func(int) string { return "" }}
		for i := range 5 {
			time.AfterFunc(time.Duration(i+1)*5*time.Second, func() { w.lose(fmt.Sprintf("h%d", i)) })
		}
		out := w.play(t, t.Context(), &runner.Play{Steps: []*runner.Step{hosts(1), run("x")}})
		expect(t, "code", out.Code, runner.ExitUnreachable)
		expect(t, "machines", w.born, 3)
	})
}

// A machine's address may come late; one that has gone is not waited for.
func TestLateAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		w.address = func(i int) string {
			if i == 1 && time.Since(w.began) < 20*time.Second {
				return ""
			}
			return "10.0.0.1"
		}
		w.exec = func(_ context.Context, host int, _ string) int {
			expect(t, "early", time.Since(w.began) < 20*time.Second, host == 0)
			return 0
		}
		time.AfterFunc(5*time.Second, func() { w.lose("h2") })
		w.launch = func(spec cloud.LaunchSpec) (int, error) {
			if time.Since(w.began) > 0 {
				return 0, errors.New("no room")
			}
			return spec.Count, nil
		}
		w.dial = func(_ context.Context, m cloud.Machine) error {
			if m.Name == "h2" {
				return &runner.UnreachableError{Err: errors.New("connection refused")}
			}
			return nil
		}
		out := w.play(t, t.Context(), &runner.Play{Steps: []*runner.Step{hosts(3), run("x")}})
		expect(t, "code", out.Code, runner.ExitUnreachable)
		if took := time.Since(w.began); took < 20*time.Second || took > 25*time.Second {
			t.Errorf("it took %v", took)
		}
		if said := w.said(runner.HostEnd); !slices.Contains(said, "the machine id-h2 has ended, and there is no other: no room") {
			t.Errorf("said %q", said)
		}
	})
}

// A machine that never answers is given up after a while; one that we do not own, at once.
func TestNeverReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{dial: func(context.Context, cloud.Machine) error {
			return &runner.UnreachableError{Err: errors.New("connection refused"), Remedy: "look at its console"}
		}}
		out := w.play(t, t.Context(), &runner.Play{Steps: []*runner.Step{hosts(1), run("x")}})
		expect(t, "code", out.Code, runner.ExitUnreachable)
		expect(t, "said", w.said(runner.HostEnd), "[not ready 5m0s after its launch: connection refused]")
		if took := time.Since(w.began); took < 5*time.Minute || took > 6*time.Minute {
			t.Errorf("it took %v", took)
		}
	})
}

func TestProvisionMin(t *testing.T) {
	for name, c := range map[string]struct{ min, got, code int }{
		"enough":     {2, 2, 0},
		"too few":    {3, 2, 1},
		"no minimum": {0, 3, 1},
		"nothing":    {1, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{launch: func(cloud.LaunchSpec) (int, error) { return c.got, cloud.ErrTooFew }}
				out := w.play(t, t.Context(), &runner.Play{Steps: []*runner.Step{provision(runner.Provision{LaunchSpec: cloud.LaunchSpec{Count: 4, Min: c.min}}), run("x")}})
				expect(t, "code", out.Code, c.code)
				ran := 0
				if c.code == 0 {
					ran = c.got
				}
				expect(t, "ran", len(w.ran), ran)
			})
		})
	}
}

// Scram tries again until nothing is left, and says what is when its time is up.
func TestScram(t *testing.T) {
	for name, c := range map[string]struct {
		fails int
		code  int
		took  time.Duration
	}{
		"at once":     {0, 0, 0},
		"in the end":  {5, 0, 10 * time.Second},
		"not in time": {1 << 30, runner.ExitLeft, 3 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tried := 0
				w := &world{terminate: func() error {
					if tried++; tried <= c.fails {
						return errors.New("try again later")
					}
					return nil
				}}
				out := w.play(t, t.Context(), &runner.Play{Steps: []*runner.Step{hosts(2), run("x")}})
				expect(t, "code", out.Code, c.code)
				expect(t, "took", time.Since(w.began), c.took)
				end := w.events[len(w.events)-1]
				if left := c.code != 0; left != strings.Contains(end.Text, "scram incomplete: try again later") || left != strings.Contains(end.Remedy, "gofab scram r") {
					t.Errorf("said %q, %q", end.Text, end.Remedy)
				}
			})
		})
	}
}

// A step that refuses before it does anything ends the play.
func TestBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		s := run("x")
		s.Before = func(tasks []*runner.Task) error { return fmt.Errorf("not for %d", len(tasks)) }
		out := w.play(t, t.Context(), &runner.Play{Steps: []*runner.Step{hosts(2), s, run("never"), always(run("finally"))}})
		expect(t, "code", out.Code, runner.ExitFailed)
		expect(t, "ran", len(w.ran), 2)
		expect(t, "error", out.Err, "not for 2")
	})
}
