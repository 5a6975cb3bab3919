package runner_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/journal"
	"github.com/gofab/gofab/runner"
)

// world is a provider and all of its machines, for what real ones do too rarely or too slowly. It
// lives in synctest's time.
type world struct {
	terminate func() error                                        // nil: it ends
	dial      func(ctx context.Context, m cloud.Machine) error    // nil: every host answers
	exec      func(ctx context.Context, host int, cmd string) int // nil: every command succeeds
	address   func(index int) string                              // nil: known from the start
	launch    func(spec cloud.LaunchSpec) (count int, err error)  // nil: as ordered
	why       map[string]string                                   // what machines have died of, by id
	price     func(index int) *cloud.Price                        // nil: nobody bills; -1 is what an order costs
	provider  cloud.Provider                                      // nil: the world
	events    []runner.Event
	ran       []string // "host: command", as they began

	mu       sync.Mutex
	machines []cloud.Machine
	born     int    // machines so far
	dir      string // of the run's state; empty: a new one
	began    time.Time
}

func (w *world) Name() string { return "fake" }

func (w *world) Launch(_ context.Context, spec cloud.LaunchSpec) ([]cloud.Machine, error) {
	n, err := spec.Count, error(nil)
	if w.launch != nil {
		n, err = w.launch(spec)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for range n - len(w.machines) {
		i := w.born
		w.born++
		name := fmt.Sprintf("h%d", i)
		w.machines = append(w.machines, cloud.Machine{
			ID: "id-" + name, Run: spec.Run, Name: name, Address: w.addressOf(i), Port: 22, User: "u",
			Launched: time.Now(), Expires: time.Now().Add(spec.TTL), Type: "big", Zone: "north", Price: w.priceOf(i),
		})
	}
	return slices.Clone(w.machines), err
}

func (w *world) priceOf(i int) *cloud.Price {
	if w.price == nil {
		return nil
	}
	return w.price(i)
}

func (w *world) Price(cloud.LaunchSpec) cloud.Price {
	if p := w.priceOf(-1); p != nil {
		return *p
	}
	return cloud.Price{}
}

func (w *world) addressOf(i int) string {
	if w.address != nil {
		return w.address(i)
	}
	return fmt.Sprintf("10.0.0.%d", i)
}

func (w *world) Machines(context.Context, string) ([]cloud.Machine, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.machines {
		w.machines[i].Address = w.addressOf(i)
	}
	return slices.Clone(w.machines), nil
}

func (w *world) Terminate(context.Context, string) error {
	if w.terminate != nil {
		if err := w.terminate(); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.machines = nil
	return nil
}

// lose is a machine that ends by itself.
func (w *world) lose(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.machines = slices.DeleteFunc(w.machines, func(m cloud.Machine) bool { return m.Name == name })
}

func (w *world) Dial(ctx context.Context, m cloud.Machine) (runner.Conn, error) {
	if w.dial != nil {
		if err := w.dial(ctx, m); err != nil {
			return nil, err
		}
	}
	var index int
	fmt.Sscanf(m.Name, "h%d", &index)
	return conn{w, index}, nil
}

func (w *world) Why(_ context.Context, _, id string) string { return w.why[id] }

func (w *world) Handle(ev runner.Event) { w.events = append(w.events, ev) }

type conn struct {
	w     *world
	index int
}

func (c conn) Exec(ctx context.Context, cmd runner.Command, stdout, _ io.Writer) (int, error) {
	c.w.mu.Lock()
	c.w.ran = append(c.w.ran, fmt.Sprintf("%d: %s", c.index, cmd.Text))
	c.w.mu.Unlock()
	status := 0
	if c.w.exec != nil {
		status = c.w.exec(ctx, c.index, cmd.Text)
	}
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if status < 0 {
		return 0, &runner.UnreachableError{Err: errors.New("it fell silent"), Remedy: "look after it"}
	}
	fmt.Fprintf(stdout, "%s by %d\n", cmd.Text, c.index)
	return status, nil
}

func (conn) Put(context.Context, string, string, runner.PutOptions) (runner.Copied, error) {
	return runner.Copied{}, nil
}

func (conn) Get(context.Context, string, string) (runner.Copied, error) { return runner.Copied{}, nil }
func (conn) Close() error                                               { return nil }

// run is a step that runs a command on all hosts at once.
func run(cmd string) *runner.Step {
	return &runner.Step{Name: cmd, Kind: "run", Host: func(ctx context.Context, t *runner.Task) (runner.Result, error) {
		c, err := t.Host.Conn(ctx)
		if err != nil {
			return runner.Result{}, err
		}
		status, err := c.Exec(ctx, runner.Command{Text: cmd}, t.Stdout, t.Stderr)
		return runner.Result{Command: true, Status: status, Changed: true}, err
	}}
}

func race(cmd string) *runner.Step {
	s := run(cmd)
	s.Race = &runner.Race{}
	s.FailedWhen = func(sc runner.Scope) (bool, error) { return sc["rc"].(int) > 1, nil }
	s.Register = "race"
	return s
}

func always(s *runner.Step) *runner.Step {
	s.Always = true
	return s
}

func provision(p runner.Provision) *runner.Step {
	return &runner.Step{Name: "provision", Kind: "provision", Once: func(ctx context.Context, t *runner.Task) (runner.Result, error) {
		return t.Run.Provision(ctx, p)
	}}
}

func hosts(n int) *runner.Step {
	return provision(runner.Provision{LaunchSpec: cloud.LaunchSpec{Count: n}})
}

// play runs a play in the world.
func (w *world) play(t *testing.T, ctx context.Context, p *runner.Play) runner.Outcome {
	t.Helper()
	dir := w.dir
	if dir == "" {
		dir = t.TempDir()
	}
	j, err := journal.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	w.began = time.Now()
	provider := w.provider
	if provider == nil {
		provider = w
	}
	out := runner.New(runner.Config{
		ID: "r", Dir: dir, Provider: provider, Dialer: w, UserKey: "k", Events: runner.NewEvents(w), Journal: j, Vars: map[string]any{"v": 1},
	}, p).Go(ctx)
	if out.Code != runner.ExitLeft && len(w.machines) > 0 {
		t.Errorf("left behind: %v", w.machines)
	}
	return out
}

// recap is the last event's, by host.
func (w *world) recap() []runner.HostRecap { return w.events[len(w.events)-1].Recap }

// said are the texts of the events of a type.
func (w *world) said(typ runner.EventType) []string {
	var texts []string
	for _, ev := range w.events {
		if ev.Type == typ {
			texts = append(texts, ev.Text)
		}
	}
	return texts
}
