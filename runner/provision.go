package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/journal"
)

// Provision is an order for machines; a TTL of 0 means the deadline, the reserve and a margin.
type Provision struct {
	cloud.LaunchSpec
	Queue string // an existing one to announce winners on; empty: the run's own

	// Decide, if set, is asked for Count as soon as a first machine is there. elapsed is the time
	// from the beginning of the play to this machine's launch.
	Decide func(ctx context.Context, first *Host, elapsed time.Duration) (count int, err error)
}

// ttlMargin is the time, beyond all that a play may take, after which a machine may be taken to
// be forgotten; ttlOpen is for plays without a deadline.
const (
	ttlMargin = 5 * time.Minute
	ttlOpen   = 2 * time.Hour
)

// Provision launches machines, which become the run's hosts. They may still boot when it returns:
// a host connects when it is first used.
func (r *Run) Provision(ctx context.Context, p Provision) (Result, error) {
	if len(r.Hosts) > 0 {
		return Result{}, errors.New("the run has its hosts already: index and count are fixed")
	}
	if p.TTL == 0 {
		p.TTL = ttlOpen
		if r.play.Deadline > 0 {
			p.TTL = r.play.Deadline + r.play.Reserve + ttlMargin
		}
	}
	if most := r.play.Deadline + r.play.Reserve; r.play.Deadline > 0 && p.TTL < most {
		r.events.Emit(Event{Type: Warning, Step: r.stepName, Text: fmt.Sprintf("the machines end by themselves after %v, and the play may take %v", p.TTL, most)})
	}
	p.Run, p.UserKey = r.ID, r.cfg.UserKey
	r.queueName, r.expires = p.Queue, time.Now().Add(p.TTL)
	if r.announces() {
		if err := r.cfg.Journal.Write(journal.Record{What: journal.Queue, Provider: r.provider.Name(), Expires: r.expires}); err != nil {
			return Result{}, fmt.Errorf("write the journal: %w", err)
		}
		if _, err := r.openQueue(ctx); err != nil {
			r.cloudError = true
			return Result{}, err
		}
	}
	if p.Decide != nil {
		count, err := r.scout(ctx, p)
		if err != nil {
			return Result{}, err
		}
		p.Count = count
	}
	machines, err := r.launch(ctx, p)
	switch enough := p.Min > 0 && len(machines) >= p.Min; {
	case ctx.Err() != nil:
		return Result{}, context.Cause(ctx)
	case err != nil && enough:
		r.events.Emit(Event{Type: Warning, Step: r.stepName, Text: fmt.Sprintf("going on with %d of %d machines: %v", len(machines), p.Count, err)})
	case err != nil:
		r.cloudError = true
		return Result{}, err
	}
	if err := r.adopt(machines); err != nil {
		return Result{}, err
	}
	return Result{Changed: true, Text: counted(len(r.Hosts), "machine")}, nil
}

// launch orders machines, if there is money for them; the journal knows of it before the provider
// does.
func (r *Run) launch(ctx context.Context, p Provision) ([]cloud.Machine, error) {
	r.ordering.Lock()
	defer r.ordering.Unlock()
	return r.launchLocked(ctx, p)
}

func (r *Run) launchLocked(ctx context.Context, p Provision) ([]cloud.Machine, error) {
	if err := r.affords(p.LaunchSpec); err != nil {
		return nil, err
	}
	if err := r.cfg.Journal.Write(journal.Record{What: journal.Launch, Provider: r.provider.Name(), Count: p.Count}); err != nil {
		return nil, fmt.Errorf("write the journal: %w", err)
	}
	r.order = p.LaunchSpec
	r.launched.Store(true)
	machines, err := r.provider.Launch(ctx, p.LaunchSpec)
	if err == nil || len(machines) > 0 {
		r.fleet.know(machines)
	}
	r.tellUnpriced()
	if jerr := r.cfg.Journal.Write(journal.Record{What: journal.Machines, Machines: ids(machines)}); err == nil && jerr != nil {
		err = fmt.Errorf("write the journal: %w", jerr)
	}
	return machines, err
}

// scout launches one machine and has it decide how many there shall be. It is one of them later,
// and keeps its connection.
func (r *Run) scout(ctx context.Context, p Provision) (int, error) {
	elapsed := time.Since(r.began)
	p.Count, p.Min = 1, 0
	machines, err := r.launch(ctx, p)
	switch {
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case err != nil:
		r.cloudError = true
		return 0, err
	}
	r.first = r.newHost(0, machines[0])
	return p.Decide(ctx, r.first, elapsed)
}

// newHost makes the host of a machine, or takes the one that has scouted.
func (r *Run) newHost(index int, m cloud.Machine) *Host {
	if r.first != nil && r.first.Machine().ID == m.ID && r.first.Index == index {
		return r.first
	}
	h := &Host{
		Index: index, name: m.Name, run: r, ready: make(chan struct{}),
		recap: HostRecap{Host: m.Name, Index: index},
	}
	h.saw(m)
	return h
}

// counted is a number of things in words.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// borrow takes the hosts that are there from the start. It shows as a step only when it fails.
func (r *Run) borrow(ctx context.Context) {
	machines, err := r.provider.Launch(ctx, cloud.LaunchSpec{Run: r.ID})
	if err != nil {
		r.cloudError = true
	} else {
		r.launched.Store(true)
		err = r.adopt(machines)
	}
	if err != nil {
		r.tellFiles(err)
		r.fail(err)
		r.events.Emit(Event{Type: StepEnd, Step: "hosts", Pos: r.play.File, Status: Failed, Text: err.Error()})
	}
}

// adopt fixes the run's hosts, and writes down their keys for those who want to log in by hand.
func (r *Run) adopt(machines []cloud.Machine) error {
	for _, m := range machines {
		r.known[m.ID] = true
		if r.cfg.Limit != nil && !r.cfg.Limit(m.Name) {
			continue
		}
		i := len(r.Hosts)
		r.Hosts = append(r.Hosts, r.newHost(i, m))
	}
	if len(r.Hosts) == 0 {
		r.noHosts = true
		return errors.New("no host matched")
	}
	r.look()
	return r.writeKnownHosts()
}

func (r *Run) writeKnownHosts() error {
	var lines []byte
	for _, h := range r.Hosts {
		if m := h.Machine(); m.HostKey != "" && m.Address != "" {
			lines = fmt.Appendf(lines, "%s %s\n", knownHost(m), m.HostKey)
		}
	}
	if lines == nil {
		return nil
	}
	return os.WriteFile(filepath.Join(r.Dir, "known_hosts"), lines, 0o600)
}

// knownHost is how known_hosts names a host (sshd(8)): the usual port is left out.
func knownHost(m cloud.Machine) string {
	if m.Port == 22 {
		return m.Address
	}
	return fmt.Sprintf("[%s]:%d", m.Address, m.Port)
}

func ids(machines []cloud.Machine) []string {
	out := make([]string, len(machines))
	for i, m := range machines {
		out[i] = m.ID
	}
	return out
}
