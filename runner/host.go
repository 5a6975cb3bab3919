package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gofab/gofab/internal/cloud"
)

// Host is a machine with an index and a connection.
type Host struct {
	Index int

	run  *Run
	name string

	mu      sync.Mutex
	machine cloud.Machine // as it was last seen; another one when the first has died young

	dial  sync.Once
	ready chan struct{} // closed when conn and err are set
	conn  Conn
	err   error

	replaced int // machines that died young

	// Written between steps, by the goroutine that runs them.
	out   Status // Failed, Unreachable or Stopped when it has left the play
	recap HostRecap
}

// Name is the host's name in all output. It stays when the machine is replaced.
func (h *Host) Name() string { return h.name }

// Machine is the host's machine, as it was last seen.
func (h *Host) Machine() cloud.Machine {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.machine
}

// launched tells whether the host's machine was launched for this run, and so ends with a scram.
func (h *Host) launched() bool { return !h.Machine().Launched.IsZero() }

// saw keeps what has become of the host's machine, and tells of a change that matters to watchers.
func (h *Host) saw(m cloud.Machine) {
	h.mu.Lock()
	before := h.machine
	h.machine = m
	h.mu.Unlock()
	if before.ID != m.ID || before.State != m.State || before.Address != m.Address {
		h.run.seen.Add(1)
		h.tell(HostState(cmp.Or(m.State, cloud.Running)), m)
	}
}

// tell emits the host's state.
func (h *Host) tell(state HostState, m cloud.Machine) {
	h.run.events.Emit(Event{Type: HostChange, Host: h.name, Index: &h.Index, State: state, Machine: m.ID, Address: m.Address})
}

// Conn is the host's connection. It is made when it is first asked for, in the run's time rather
// than the caller's: a caller that is cancelled leaves it to the next one.
func (h *Host) Conn(ctx context.Context) (Conn, error) {
	h.dial.Do(func() { go h.connect() })
	select {
	case <-h.ready:
		return h.conn, h.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// connected tells whether the host has ever answered.
func (h *Host) connected() bool {
	select {
	case <-h.ready:
		return h.err == nil
	default:
		return false
	}
}

// hangUp closes the connection, or sees to it that there will be none. The run's life has ended.
func (h *Host) hangUp() {
	h.dial.Do(func() { close(h.ready) })
	<-h.ready
	if h.conn != nil {
		h.conn.Close()
	}
}

// How often a host is tried. A machine that we have launched may take minutes to boot; one that
// is ours already either answers or does not, unless it only shed load.
const (
	bootLimit    = 5 * time.Minute
	firstBackoff = 50 * time.Millisecond
	longBackoff  = 2 * time.Second
	tellAfter    = 10 * time.Second
	shedLimit    = 15 * time.Second // as long as a busy host may drop us
)

func (h *Host) connect() {
	defer close(h.ready)
	h.conn, h.err = h.reach(h.run.life)
	if h.err == nil {
		h.tell(HostReady, h.Machine())
	}
}

// reach tries until the host answers, or until there is no hope.
func (h *Host) reach(ctx context.Context) (Conn, error) {
	launched := h.launched()
	began, backoff, told := time.Now(), firstBackoff, false
	for try := 1; ; try++ {
		conn, err := h.try(ctx, launched && (try > 1 || h.Machine().Address == ""))
		var u *UnreachableError
		switch {
		case err == nil:
			return conn, nil
		case ctx.Err() != nil || !errors.As(err, &u) || u.Final:
			return nil, err
		case launched && time.Since(began) > bootLimit:
			return nil, &UnreachableError{Err: fmt.Errorf("not ready %v after its launch: %w", bootLimit, u.Err), Remedy: u.Remedy}
		case !launched && (!u.Again || time.Since(began) > shedLimit):
			return nil, err
		}
		if launched && !told && time.Since(began) > tellAfter {
			told = true
			h.run.events.Emit(Event{Type: Notice, Host: h.Name(), Index: &h.Index, Text: fmt.Sprintf("still waiting for it to answer, up to %v: %v", bootLimit, u.Err)})
		}
		select {
		case <-time.After(backoff):
		case <-ctx.Done():
			return nil, err
		}
		backoff = min(backoff*2, longBackoff)
	}
}

// try asks the provider about the machine, if it is to, and dials. A machine that has died before
// it ever answered is replaced.
func (h *Host) try(ctx context.Context, ask bool) (Conn, error) {
	m := h.Machine()
	if ask {
		now, alive, err := h.run.fleet.lookup(ctx, m)
		switch {
		case err != nil: // it may well live: let the dial decide
		case !alive:
			if err := h.run.replace(ctx, h); err != nil {
				return nil, err
			}
			now = h.Machine()
		default:
			h.saw(now)
		}
		m = now
	}
	if m.Address == "" {
		return nil, &UnreachableError{Err: fmt.Errorf("%s has no address yet", m.ID)}
	}
	return h.run.dialer.Dial(ctx, m)
}

// vars is what expressions see as host.
func (h *Host) vars() map[string]any {
	m := h.Machine()
	return map[string]any{"name": h.name, "index": h.Index, "address": m.Address, "port": m.Port, "user": m.User, "id": m.ID}
}

// fleet answers what has become of a machine, asking the provider once per tick for all of them.
type fleet struct {
	provider cloud.Provider
	run      string
	bill     *bill // it is told of all that is seen

	mu    sync.Mutex
	asked time.Time
	found map[string]cloud.Machine
	err   error
}

const fleetTick = time.Second

// lookup gives the machine as it is now, and whether it is alive. With an error nobody knows.
func (f *fleet) lookup(ctx context.Context, m cloud.Machine) (now cloud.Machine, alive bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.asked) > fleetTick {
		machines, err := f.provider.Machines(ctx, f.run)
		f.take(machines, err)
	}
	if f.err != nil {
		return m, false, f.err
	}
	now, alive = f.found[m.ID]
	return now, alive, nil
}

// know takes in what the provider has just said of the whole run.
func (f *fleet) know(machines []cloud.Machine) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.take(machines, nil)
}

func (f *fleet) take(machines []cloud.Machine, err error) {
	f.asked, f.err = time.Now(), err
	if err != nil { // what was found before is still the best that anybody knows
		return
	}
	f.found = make(map[string]cloud.Machine, len(machines))
	for _, m := range machines {
		f.found[m.ID] = m
	}
	f.bill.saw(machines)
}

// alive is how many machines there were when the provider was last asked.
func (f *fleet) alive() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.found)
}
