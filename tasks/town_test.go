package tasks_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/journal"
	"github.com/gofab/gofab/internal/playbook"
	"github.com/gofab/gofab/internal/source"
	"github.com/gofab/gofab/runner"
	"github.com/gofab/gofab/tasks"
)

// What a put with spread: true promises of sources: so many hosts fetch from one at once, and so
// many hosts get the file from here for each that does in the beginning.
const (
	perSource = 2
	perSeed   = 32
)

// town is hosts that hand a file on to each other, in synctest's time: a copy takes a second,
// wherever it comes from. What fails is up to the test, which is asked at the end of that second;
// nil: nothing does.
type town struct {
	t      *testing.T
	hosts  int
	forks  int
	put    func(host string, nth int) error       // the nth upload from here, from 0
	fetch  func(host, from string, nth int) error // likewise
	serve  func(host string, nth int) error       // before others can fetch
	retake func(host string) error                // when the key is taken back

	events  []runner.Event
	serving map[string]int      // sources, with those that fetch from each
	got     map[string][]string // where each host has got the file from
	puts    int
	putting int
	most    int // uploads at once
	fetches int
	second  int // fetches from a source that another fetches from
	serves  int
	took    time.Duration // by the step
	after   int           // sources that there are still when the step has ended

	mu sync.Mutex
}

// run plays the step in this town and gives the exit status. Whatever happens, a host gets the file
// once or not at all, from a source that has it and has no more to do than it should, and nobody
// serves any more when the step has ended.
func (w *town) run(ctx context.Context) int {
	w.t.Helper()
	w.serving, w.got = map[string]int{}, map[string][]string{}
	dir := w.t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
		w.t.Fatal(err)
	}
	var errs source.List
	book, err := playbook.Load("b.yaml", fmt.Appendf(nil, "steps:\n  - put: {src: %s, spread: true}\n", file), tasks.Kinds())
	if err != nil {
		w.t.Fatal(err)
	}
	play := tasks.Open(book, nil, &errs).Compile(tasks.Options{Provider: w, Hosts: true, Inventory: w.hosts, Forks: w.forks})
	if errs.Err() != nil {
		w.t.Fatal(errs.Err())
	}
	j, err := journal.Create(dir)
	if err != nil {
		w.t.Fatal(err)
	}
	defer j.Close()
	began := time.Now()
	out := runner.New(runner.Config{ID: "r", Dir: dir, Provider: w, Dialer: w, Events: runner.NewEvents(w), Journal: j, Borrow: true}, play).Go(ctx)
	w.took = time.Since(began)
	for host, from := range w.got {
		if len(from) != 1 {
			w.t.Errorf("%s has got the file from %v", host, from)
		}
	}
	if w.after > 0 {
		w.t.Errorf("%d sources outlive the step", w.after)
	}
	return out.Code
}

// said tells how often there was an event of this type with this text.
func (w *town) said(typ runner.EventType, text string) (times int) {
	for _, ev := range w.events {
		if ev.Type == typ && strings.Contains(ev.Text, text) {
			times++
		}
	}
	return times
}

func (w *town) Handle(ev runner.Event) {
	w.events = append(w.events, ev)
	if ev.Type == runner.StepEnd {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.after = len(w.serving)
	}
}

func (w *town) Name() string { return "town" }

func (w *town) Launch(context.Context, cloud.LaunchSpec) ([]cloud.Machine, error) {
	machines := make([]cloud.Machine, w.hosts)
	for i := range machines {
		name := fmt.Sprint("h", i)
		machines[i] = cloud.Machine{ID: name, Name: name, Address: name, Port: 22, User: "u"}
	}
	return machines, nil
}

func (w *town) Machines(context.Context, string) ([]cloud.Machine, error) { return nil, nil }
func (w *town) Terminate(context.Context, string) error                   { return nil }

func (w *town) Dial(_ context.Context, m cloud.Machine) (runner.Conn, error) {
	return neighbour{town: w, name: m.Name}, nil
}

// copied is a host's second of copying.
func (w *town) copied(ctx context.Context, host, from string, fails func() error) (runner.Copied, error) {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return runner.Copied{}, context.Cause(ctx)
	}
	if err := fails(); err != nil {
		return runner.Copied{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got[host] = append(w.got[host], from)
	return runner.Copied{Files: 1, Bytes: 1}, nil
}

// neighbour is a connection to one of the town's hosts.
type neighbour struct {
	runner.Conn // which only puts
	town        *town
	name        string
}

func (n neighbour) Close() error { return nil }

func (n neighbour) Put(ctx context.Context, _, _ string, _ runner.PutOptions) (runner.Copied, error) {
	w := n.town
	w.mu.Lock()
	nth := w.puts
	w.puts++
	w.putting++
	w.most = max(w.most, w.putting)
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.putting--
	}()
	return w.copied(ctx, n.name, "here", func() error {
		if w.put == nil {
			return nil
		}
		return w.put(n.name, nth)
	})
}

func (n neighbour) Fetch(ctx context.Context, _ runner.Shared, source runner.Source, _ string) (runner.Copied, error) {
	w, from := n.town, source.User
	w.mu.Lock()
	nth := w.fetches
	w.fetches++
	busy, serves := w.serving[from]
	if !serves || len(w.got[from]) == 0 || busy >= perSource {
		w.t.Errorf("%s fetches from %s, which serves (%v), has it from %v and has %d at it", n.name, from, serves, w.got[from], busy)
	}
	if busy > 0 {
		w.second++
	}
	w.serving[from]++
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.serving[from]--
	}()
	return w.copied(ctx, n.name, from, func() error {
		if w.fetch == nil {
			return nil
		}
		return w.fetch(n.name, from, nth)
	})
}

func (n neighbour) Serve(ctx context.Context, _ runner.Shared, _ string, ready func(runner.Source)) error {
	w := n.town
	w.mu.Lock()
	nth := w.serves
	w.serves++
	w.mu.Unlock()
	if w.serve != nil {
		if err := w.serve(n.name, nth); err != nil {
			return err
		}
	}
	w.mu.Lock()
	w.serving[n.name] = 0
	w.mu.Unlock()
	ready(runner.Source{User: n.name})
	<-ctx.Done()
	time.Sleep(time.Second / 10) // to take the key back
	w.mu.Lock()
	delete(w.serving, n.name)
	w.mu.Unlock()
	if w.retake != nil {
		return w.retake(n.name)
	}
	return nil
}
