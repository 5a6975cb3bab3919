package cloudtest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/cloud"
)

func (c Config) testLaunch(t *testing.T) {
	p := c.New(t)
	run := c.run(t, p)
	before := time.Now().Add(-time.Second)
	machines := launch(t, p, c.spec(t, run, 3))
	names, addresses := map[string]bool{}, map[string]bool{}
	for _, m := range machines {
		if m.ID == "" || m.Name == "" || m.User == "" || m.Port == 0 {
			t.Errorf("incomplete: %+v", m)
		}
		names[m.Name], addresses[m.ID] = true, true
		switch {
		case c.Owned:
			if m.Run != "" || !m.Launched.IsZero() || !m.Expires.IsZero() {
				t.Errorf("borrowed, but it has a run, a birth or a death: %+v", m)
			}
		case m.Run != run || m.Launched.Before(before) || m.Launched.After(time.Now().Add(time.Second)):
			t.Errorf("run or launch time: %+v", m)
		case (m.Expires.Sub(m.Launched) - 5*time.Minute).Abs() > 2*time.Second:
			t.Errorf("lives %s", m.Expires.Sub(m.Launched))
		}
	}
	if len(names) != 3 || len(addresses) != 3 {
		t.Errorf("names or IDs are not unique: %v", machines)
	}
	if got := list(t, c.reopen(t, p), run); !slices.Equal(ids(got), ids(machines)) {
		t.Errorf("launched %v, another process lists %v", ids(machines), ids(got))
	}
	if p.Name() == "" {
		t.Error("the provider has no name")
	}
}

func (c Config) testLaunchAdds(t *testing.T) {
	p := c.New(t)
	run := c.run(t, p)
	first := launch(t, p, c.spec(t, run, 2))
	again := launch(t, c.reopen(t, p), c.spec(t, run, 2))
	if !slices.Equal(ids(first), ids(again)) {
		t.Errorf("same order twice: %v, then %v", ids(first), ids(again))
	}
	more := launch(t, p, c.spec(t, run, 3))
	if !slices.Equal(ids(first), ids(more)[:2]) {
		t.Errorf("order changed: %v, then %v", ids(first), ids(more))
	}
	less, err := p.Launch(t.Context(), c.spec(t, run, 1))
	if err != nil || !slices.Equal(ids(less), ids(more)) {
		t.Errorf("an order for fewer returns all of the run's: got %v, %v", ids(less), err)
	}
}

func (c Config) testLaunchConcurrently(t *testing.T) {
	p := c.New(t)
	run := c.run(t, p)
	spec := c.spec(t, run, 3)
	var work sync.WaitGroup
	for range 4 {
		another := c.reopen(t, p)
		work.Go(func() {
			if machines, err := another.Launch(t.Context(), spec); err != nil || len(machines) != 3 {
				t.Errorf("launched %v, %v", ids(machines), err)
			}
		})
		work.Go(func() {
			if _, err := another.Machines(t.Context(), run); err != nil {
				t.Errorf("machines: %v", err)
			}
		})
	}
	work.Wait()
	if got := list(t, p, run); len(got) != 3 {
		t.Errorf("four launches of 3 made %v", ids(got))
	}
}

func (c Config) testLaunchCancelled(t *testing.T) {
	p := c.New(t)
	run := c.run(t, p)
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	machines, err := p.Launch(ctx, c.spec(t, run, 3))
	if !errors.Is(err, why) && !errors.Is(err, context.Canceled) {
		t.Errorf("launch with a cancelled context: %v, %v", ids(machines), err)
	}
	if got := list(t, p, run); len(got) != len(machines) {
		t.Errorf("launch returned %v, but there are %v", ids(machines), ids(got))
	}
	if _, err := p.Machines(ctx, run); err == nil {
		t.Error("machines with a cancelled context: no error")
	}
}

func (c Config) testUnknownRun(t *testing.T) {
	p := c.New(t)
	run := c.run(t, p)
	if got := list(t, p, run); len(got) != 0 {
		t.Errorf("an unknown run has machines: %v", got)
	}
	terminate(t, p, run)
	terminate(t, p, run)
}

func (c Config) testRunsApart(t *testing.T) {
	p := c.New(t)
	one, other := c.run(t, p), c.run(t, p)
	launch(t, p, c.spec(t, one, 1))
	if got := list(t, p, other); len(got) != 0 {
		t.Errorf("a run sees another's machines: %v", ids(got))
	}
	kept := launch(t, p, c.spec(t, other, 2))
	terminate(t, p, one)
	if got := list(t, p, other); !slices.Equal(ids(got), ids(kept)) {
		t.Errorf("terminating another run changed %v to %v", ids(kept), ids(got))
	}
}

func (c Config) testTerminate(t *testing.T) {
	p := c.New(t)
	run := c.run(t, p)
	launch(t, p, c.spec(t, run, 3))
	var work sync.WaitGroup
	for range 3 {
		another := c.reopen(t, p)
		work.Go(func() {
			if err := another.Terminate(t.Context(), run); err != nil {
				t.Errorf("terminate: %v", err)
			}
		})
	}
	work.Wait()
	if got := list(t, p, run); len(got) != 0 {
		t.Errorf("terminated, but there are %v", ids(got))
	}
	terminate(t, p, run)
	// What begins after Terminate has returned is a launch like any other.
	launch(t, p, c.spec(t, run, 1))
}

func (c Config) testTTL(t *testing.T) {
	if c.TTL == 0 {
		t.Fatal("Config.TTL is not set: machines that are not owned must end by themselves")
	}
	p := c.New(t)
	run := c.run(t, p)
	spec := c.spec(t, run, 2)
	spec.TTL = c.TTL
	machines, err := p.Launch(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "machines end by themselves", func() bool { return len(list(t, p, run)) == 0 })
	for _, m := range machines {
		if early := time.Until(m.Expires); early > 0 && !c.Hurried {
			t.Errorf("%s ended %s too early", m.ID, early)
		}
	}
}

func (c Config) testTooFew(t *testing.T) {
	p := c.New(t)
	run := c.run(t, p)
	machines, err := p.Launch(t.Context(), c.spec(t, run, 1000))
	if !errors.Is(err, cloud.ErrTooFew) || len(machines) == 0 {
		t.Errorf("1000 machines: got %d and %v", len(machines), err)
	}
	if got := list(t, p, run); len(got) != len(machines) {
		t.Errorf("launch returned %d machines, the run has %d", len(machines), len(got))
	}
}
