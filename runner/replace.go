package runner

import (
	"context"
	"fmt"
	"time"

	"github.com/gofab/gofab/internal/cloud"
)

// replacements is how often one host gets another machine. A machine that dies at birth is bad
// luck; several in a row are an image or an account that will not do.
const replacements = 2

// replace gives a host another machine when its own has ended before it ever answered. Index and
// name stay. The error, when there is none to be had, is an *UnreachableError.
func (r *Run) replace(ctx context.Context, h *Host) error {
	r.ordering.Lock()
	defer r.ordering.Unlock()
	dead := h.Machine()
	gone := &UnreachableError{
		Err: fmt.Errorf("the machine %s has ended%s", dead.ID, r.why(ctx, dead.ID)), Final: true,
		Remedy: "see why with the provider; did its time to live run out?",
	}
	hopeless := r.order.Count == 0 || h.replaced == replacements || !time.Now().Before(dead.Expires)
	if hopeless || r.noOrders.Load() || r.endedOutside() != nil { // what were ordered now would outlive a scram
		return gone
	}
	h.replaced++
	r.events.Emit(Event{Type: Warning, Host: h.Name(), Index: &h.Index, Text: fmt.Sprintf("%v before it answered: ordering another", gone.Err)})
	p := Provision{LaunchSpec: r.order}
	p.Count, p.Min = r.fleet.alive()+1, 0
	machines, err := r.launchLocked(ctx, p)
	for _, m := range machines {
		if !r.known[m.ID] {
			r.known[m.ID] = true
			h.saw(m)
			return r.writeKnownHosts()
		}
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil:
		return gone
	}
	return &UnreachableError{Err: fmt.Errorf("%w, and there is no other: %w", gone.Err, err), Final: true}
}

// why is what the provider knows of a machine's end, as the end of a sentence.
func (r *Run) why(ctx context.Context, id string) string {
	if o, ok := r.provider.(cloud.Obituary); ok {
		if text := o.Why(ctx, r.ID, id); text != "" {
			return " (" + text + ")"
		}
	}
	return ""
}

// endOrders sees to it that no machine is ordered any more, and waits for an order that is under way.
// Whoever still dials gives up: a machine that scram ends would otherwise look like one that has
// died young.
func (r *Run) endOrders() {
	r.endLife()
	r.ordering.Lock()
	defer r.ordering.Unlock()
	r.noOrders.Store(true)
}
