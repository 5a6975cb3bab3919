package tasks_test

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofab/gofab/runner"
)

var errNo = errors.New("no")

// Everybody gets the file, from here no more hosts than have to, and in little more than the
// logarithm of their number.
func TestSpreadToAll(t *testing.T) {
	for _, test := range []struct {
		hosts, forks, puts int
		most               time.Duration
	}{
		{hosts: 1, puts: 1, most: time.Second},
		{hosts: 2, puts: 1, most: 2 * time.Second},
		{hosts: perSeed, puts: 1, most: 5 * time.Second},       // 1, 3, 9, 27, 81
		{hosts: perSeed + 1, puts: 2, most: 4 * time.Second},   // 2, 6, 18, 54
		{hosts: 10 * perSeed, puts: 10, most: 5 * time.Second}, // 10, 30, 90, 270, 810
		{hosts: perSeed, forks: 1, puts: 1, most: perSeed * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &town{t: t, hosts: test.hosts, forks: test.forks}
			if code := w.run(t.Context()); code != runner.ExitOK || len(w.got) != test.hosts {
				t.Errorf("%+v: exit status %d, %d hosts have it", test, code, len(w.got))
			}
			if w.puts != test.puts || w.fetches != test.hosts-test.puts {
				t.Errorf("%+v: %d uploads and %d fetches", test, w.puts, w.fetches)
			}
			if w.took > test.most+time.Second/2 { // to take keys back
				t.Errorf("%+v: it took %v", test, w.took)
			}
			if w.serves >= test.hosts {
				t.Errorf("%+v: %d serve, though the last has nobody to serve", test, w.serves)
			}
		})
	}
}

// Those that fetch share the sources evenly: while there is one that nobody fetches from, nobody
// comes second.
func TestSpreadEvenly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{t: t, hosts: 20, forks: 2}
		if code := w.run(t.Context()); code != runner.ExitOK || len(w.got) != w.hosts || w.puts != 1 {
			t.Errorf("exit status %d, %d hosts have it, %d uploads", code, len(w.got), w.puts)
		}
		if w.second > 3 { // before there are enough sources
			t.Errorf("%d fetch from where another does", w.second)
		}
	})
}

// A host that others cannot fetch from is asked no more. They get the file all the same.
func TestSpreadPastBadSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := ""
		w := &town{t: t, hosts: 40}
		w.serve = func(host string, nth int) error {
			if nth == 0 {
				bad = host
			}
			return nil
		}
		w.fetch = func(_, from string, _ int) error {
			if from != bad {
				return nil
			}
			time.Sleep(time.Second / 2) // others have seen that it can be done
			return errNo
		}
		if code := w.run(t.Context()); code != runner.ExitOK || len(w.got) != w.hosts {
			t.Errorf("exit status %d, %d hosts have it", code, len(w.got))
		}
		refused := w.said(runner.Notice, "it comes from here, because it did not from "+bad+": no")
		if refused < 1 || refused > perSource || w.puts != 2+refused {
			t.Errorf("%d were refused, and %d got it from here", refused, w.puts)
		}
	})
}

// Where hosts do not reach each other, a few try, and then all get the file from here, at once.
func TestSpreadInVain(t *testing.T) {
	t.Run("fetch", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := &town{t: t, hosts: 20, fetch: func(string, string, int) error { return errNo }}
			if code := w.run(t.Context()); code != runner.ExitOK || w.puts != w.hosts || len(w.got) != w.hosts {
				t.Errorf("exit status %d, %d uploads, %d hosts have it", code, w.puts, len(w.got))
			}
			if w.fetches != perSource || w.took > 4*time.Second {
				t.Errorf("%d tried, for %v", w.fetches, w.took)
			}
		})
	})
	t.Run("serve", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := &town{t: t, hosts: 20, serve: func(string, int) error { return errNo }}
			if code := w.run(t.Context()); code != runner.ExitOK || w.puts != w.hosts || len(w.got) != w.hosts {
				t.Errorf("exit status %d, %d uploads, %d hosts have it", code, w.puts, len(w.got))
			}
			if tried := w.said(runner.Notice, "it cannot hand the file on: no"); tried != 2 || w.took > 4*time.Second {
				t.Errorf("%d tried, for %v", tried, w.took)
			}
		})
	})
}

// What happens to one host is no other's misfortune: they do not wait for what it would have
// served, nor for the place that it has had at a source.
func TestSpreadPastBadHost(t *testing.T) {
	lost := &runner.UnreachableError{Err: errNo}
	lostFetch := func(first, last int) func(string, string, int) error {
		return func(host, _ string, nth int) error { return turns(first, last, lost)(host, nth) }
	}
	for name, test := range map[string]struct {
		town *town
		code int
		puts int
		lost int
	}{
		"the first upload fails": {&town{put: turns(0, 0, errNo)}, runner.ExitFailed, 2, 1},
		"the first is lost":      {&town{put: turns(0, 0, lost)}, runner.ExitUnreachable, 2, 1},
		"one who fetches is":     {&town{fetch: lostFetch(3, 3)}, runner.ExitUnreachable, 1, 1},
		"all who fetch are":      {&town{fetch: lostFetch(2, 7)}, runner.ExitUnreachable, 1, 6}, // the three that have it still serve
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := test.town
				w.t, w.hosts = t, 20
				if code := w.run(t.Context()); code != test.code || len(w.got) != w.hosts-test.lost || w.puts != test.puts || w.most != 1 {
					t.Errorf("exit status %d, %d hosts have it, %d uploads, %d at once", code, len(w.got), w.puts, w.most)
				}
			})
		})
	}
}

// turns is an error for those whose turn it is.
func turns(first, last int, err error) func(string, int) error {
	return func(_ string, nth int) error {
		if first <= nth && nth <= last {
			return err
		}
		return nil
	}
}

// A cancel ends copies and serving, whoever waits for whatever.
func TestSpreadCancelled(t *testing.T) {
	for _, after := range []time.Duration{time.Second / 2, 3 * time.Second / 2, 5 * time.Second / 2} { // the seeds; those who wait for a place; many
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			w := &town{t: t, hosts: 100}
			time.AfterFunc(after, func() { cancel(&runner.InterruptError{Signal: syscall.SIGINT}) })
			if code := w.run(ctx); code != 130 {
				t.Errorf("exit status %d", code)
			}
			if after < time.Second && w.puts != 4 {
				t.Errorf("%d uploads, though the first 4 were cancelled", w.puts)
			}
			if len(w.got) == w.hosts || w.took > after+time.Second/2 {
				t.Errorf("after %v: %d hosts have it, and the end took %v", after, len(w.got), w.took-after)
			}
			for _, r := range w.events[len(w.events)-1].Recap {
				if has := len(w.got[r.Host]) == 1; r.OK+r.Stopped != 1 || has != (r.OK == 1) {
					t.Errorf("after %v: %s has it: %v; %+v", after, r.Host, has, r)
				}
			}
		})
	}
}

// A key that may have been left where it was is said, with the host, and fails nobody.
func TestSpreadKeyLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{t: t, hosts: 2, retake: func(string) error { return errNo }}
		if code := w.run(t.Context()); code != runner.ExitOK || len(w.got) != w.hosts {
			t.Errorf("exit status %d, %d hosts have it", code, len(w.got))
		}
		if w.said(runner.Warning, ": the key that others fetched with may still be in ~/.ssh/authorized_keys: no") != 1 {
			t.Errorf("%+v", w.events)
		}
	})
}
