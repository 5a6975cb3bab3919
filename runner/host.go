package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gofab/gofab/internal/cloud"
)

// Host is a machine with an index and a connection.
type Host struct {
	Index   int
	Machine cloud.Machine // as it was when the run got it

	run   *Run
	dial  sync.Once
	ready chan struct{} // closed when conn and err are set
	conn  Conn
	err   error

	// Written between steps, by the goroutine that runs them.
	out   Status // Failed, Unreachable or Stopped when it has left the play
	recap HostRecap
}

// Name is the host's name in all output.
func (h *Host) Name() string { return h.Machine.Name }

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
	ctx, launched := h.run.life, !h.Machine.Launched.IsZero()
	began, backoff, told := time.Now(), firstBackoff, false
	for try := 1; ; try++ {
		m := h.Machine
		if launched && (m.Address == "" || try > 1) {
			if m, h.err = h.run.fleet.lookup(ctx, m); h.err != nil {
				return
			}
		}
		if m.Address != "" {
			if h.conn, h.err = h.run.dialer.Dial(ctx, m); h.err == nil {
				return
			}
		} else {
			h.err = &UnreachableError{Err: fmt.Errorf("%s has no address yet", m.ID)}
		}
		var u *UnreachableError
		switch {
		case ctx.Err() != nil || !errors.As(h.err, &u) || u.Final:
			return
		case launched && time.Since(began) > bootLimit:
			h.err = &UnreachableError{Err: fmt.Errorf("not ready %v after its launch: %w", bootLimit, u.Err), Remedy: u.Remedy}
			return
		case !launched && (!u.Again || time.Since(began) > shedLimit):
			return
		}
		if launched && !told && time.Since(began) > tellAfter {
			told = true
			h.run.events.Emit(Event{Type: Notice, Host: h.Name(), Index: &h.Index, Text: fmt.Sprintf("still waiting for it to answer, up to %v: %v", bootLimit, u.Err)})
		}
		select {
		case <-time.After(backoff):
		case <-ctx.Done():
			return
		}
		backoff = min(backoff*2, longBackoff)
	}
}

// vars is what expressions see as host.
func (h *Host) vars() map[string]any {
	return map[string]any{
		"name": h.Machine.Name, "index": h.Index, "address": h.Machine.Address,
		"port": h.Machine.Port, "user": h.Machine.User, "id": h.Machine.ID,
	}
}

// fleet answers what has become of a machine, asking the provider once per tick for all of them.
type fleet struct {
	provider cloud.Provider
	run      string

	mu    sync.Mutex
	asked time.Time
	found map[string]cloud.Machine
	err   error
}

const fleetTick = time.Second

// lookup gives the machine as it is now; one that is gone is an *UnreachableError.
func (f *fleet) lookup(ctx context.Context, m cloud.Machine) (cloud.Machine, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.asked) > fleetTick {
		machines, err := f.provider.Machines(ctx, f.run)
		f.asked, f.err, f.found = time.Now(), err, make(map[string]cloud.Machine, len(machines))
		for _, m := range machines {
			f.found[m.ID] = m
		}
	}
	if f.err != nil {
		return m, nil // it may well live: let the dial decide
	}
	now, ok := f.found[m.ID]
	if !ok {
		return m, &UnreachableError{
			Err: fmt.Errorf("the machine %s has ended", m.ID), Final: true,
			Remedy: "see why with the provider; did its time to live run out?",
		}
	}
	return now, nil
}
