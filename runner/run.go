package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/journal"
)

// Config is what a run needs besides its play.
type Config struct {
	ID       string
	Dir      string // the run's state directory
	Provider cloud.Provider
	Dialer   Dialer
	UserKey  string // public key that the machines shall let in, in authorized_keys form
	Events   *Events
	Journal  *journal.Journal
	Vars     map[string]any    // the play's variables
	Limit    func(string) bool // which host names take part; nil: all
	Borrow   bool              // the hosts are there from the start: no step provisions them
	Keep     bool              // leave the machines running
}

// Run is one execution of a play.
type Run struct {
	ID    string
	Dir   string
	Hosts []*Host // dense by index; fixed once there are any

	cfg       Config
	play      *Play
	provider  cloud.Provider
	dialer    Dialer
	events    *Events
	vars      map[string]any
	registers map[string]*registered
	hostVars  []any
	seen      atomic.Int64 // changes of machines so far
	fresh     int64        // those of them that hostVars has
	fleet     *fleet
	bill      *bill
	order     cloud.LaunchSpec // the last one
	queueName string           // of an existing queue; empty: the run's own
	expires   time.Time        // of the machines; zero before they are ordered

	ordering sync.Mutex      // over what is ordered: order, known, and the setting of noOrders
	noOrders atomic.Bool     // the run is ending its machines
	known    map[string]bool // machines that are, or were, some host's

	looking  sync.Mutex                   // over the finding out of outside, and looked
	looked   int64                        // size of the journal when it was last read for that
	outside  atomic.Pointer[OutsideError] // another process has ended the machines
	stopWork context.CancelCauseFunc      // ends all but the always steps

	launched  atomic.Bool // there may be something to scram
	filesTold sync.Once   // what a limit on open files means

	first   *Host           // who has scouted, if somebody has
	life    context.Context // of making connections: ends with the run
	endLife func()
	always  context.Context // of always steps: outlives a cut by the reserve
	began   time.Time

	broken       error  // a failure on the controller: nothing but always steps go on
	cutShort     bool   // the deadline, the budget or an interrupt has cost a step
	noWinner     bool   // a race ended without one
	cloudError   bool   // broken came from the provider
	noHosts      bool   // the limit left nobody
	left         error  // what scram could not end
	toldUnpriced bool   // of machines that the budget does not count
	scrammed     bool   // and it is done
	stepName     string // for messages of what happens beside a step
}

// New prepares a run of play. Nothing has happened yet.
func New(cfg Config, play *Play) *Run {
	r := &Run{
		ID: cfg.ID, Dir: cfg.Dir, cfg: cfg, play: play, provider: cfg.Provider, dialer: cfg.Dialer, events: cfg.Events,
		vars: maps.Clone(cfg.Vars), registers: make(map[string]*registered),
		bill: &bill{}, known: make(map[string]bool),
	}
	r.fleet = &fleet{provider: cfg.Provider, run: cfg.ID, bill: r.bill}
	for _, s := range play.Steps {
		if s.Register != "" {
			r.registers[s.Register] = &registered{results: []any{}}
		}
	}
	return r
}

// Provider is whoever gives this run its machines.
func (r *Run) Provider() cloud.Provider { return r.provider }

// Play is what the run runs.
func (r *Run) Play() *Play { return r.play }

// Go runs the play to its end and scrams: whatever happens, when it returns everything that the
// run created is gone, or the outcome says what is not. ctx ends it early, with an
// *InterruptError as the cause when a person wants it; always steps are then still run.
func (r *Run) Go(ctx context.Context) Outcome {
	r.began = time.Now()
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	r.life, r.endLife = life, end

	work, stopWork := r.limited(ctx)
	defer stopWork()
	var stopAlways func()
	r.always, stopAlways = reserved(work, r.play.Reserve)
	defer stopAlways()
	noticed := make(chan struct{})
	stopNotice := context.AfterFunc(work, func() {
		defer close(noticed)
		r.noticeCut(work)
	})

	r.events.Emit(Event{Type: RunStart, Run: r.ID, Play: r.play.Name, Text: r.play.File})
	if r.cfg.Borrow {
		r.borrow(work)
	}
	for _, s := range r.play.Steps {
		if s.Always || r.goesOn(work) {
			r.step(work, s)
		}
	}
	if !stopNotice() {
		<-noticed // nothing is said after the end
	}
	end()
	for _, h := range r.Hosts {
		h.hangUp()
	}
	if r.first != nil {
		r.first.hangUp()
	}
	if r.keeps() {
		r.writeKnownHosts() // with addresses that were not known when it was first written; a convenience
	} else {
		r.Scram(context.WithoutCancel(ctx))
	}
	return r.finish(work)
}

// limited gives the context of all that is not an always step: it ends with the deadline and when
// the budget is spent.
func (r *Run) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	work, stop := context.WithCancelCause(ctx)
	r.stopWork = stop
	cancel := context.CancelFunc(func() { stop(nil) })
	if r.play.Budget > 0 {
		r.bill.limit(r.play.Budget, func() { stop(ErrBudget) })
	}
	if r.play.Deadline > 0 {
		work, cancel = context.WithTimeoutCause(work, r.play.Deadline, ErrDeadline)
	}
	return work, func() {
		r.bill.close()
		cancel()
		stop(nil)
	}
}

// reserved gives the context of always steps: it does not inherit the end of work, but ends the
// reserve after it.
func reserved(work context.Context, reserve time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(work))
	var timer *time.Timer
	started := make(chan struct{})
	stop := context.AfterFunc(work, func() {
		timer = time.AfterFunc(reserve, func() { cancel(ErrReserve) })
		close(started)
	})
	return ctx, func() {
		if !stop() {
			<-started
			timer.Stop()
		}
		cancel(nil)
	}
}

func (r *Run) noticeCut(work context.Context) {
	text := fmt.Sprintf("stopping: %v", context.Cause(work))
	if errors.Is(context.Cause(work), ErrDeadline) {
		text = fmt.Sprintf("the deadline of %v is reached: stopping", r.play.Deadline)
	}
	if errors.Is(context.Cause(work), ErrBudget) {
		text = fmt.Sprintf("the budget of %s is reached: stopping", Dollars(r.play.Budget))
	}
	if r.play.Reserve > 0 {
		text += fmt.Sprintf("; the always steps have %v", r.play.Reserve)
	}
	r.events.Emit(Event{Type: Notice, Text: text})
}

// goesOn tells whether steps that are not always steps still run, and remembers when the reason
// is that time has run out.
func (r *Run) goesOn(work context.Context) bool {
	if work.Err() != nil {
		r.cutShort = true
		return false
	}
	return r.broken == nil && (len(r.Hosts) == 0 || len(r.playing()) > 0)
}

// fail ends the play on account of something that happened on the controller.
func (r *Run) fail(err error) {
	if r.broken == nil {
		r.broken = err
	}
}

// playing are the hosts that are still in the play.
func (r *Run) playing() []*Host {
	return r.hostsWhere(func(h *Host) bool { return h.out == "" })
}

func (r *Run) hostsWhere(ok func(*Host) bool) []*Host {
	var hosts []*Host
	for _, h := range r.Hosts {
		if ok(h) {
			hosts = append(hosts, h)
		}
	}
	return hosts
}
