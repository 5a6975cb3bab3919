package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gofab/gofab/runner"
)

const (
	hostsPerSeed = 32 // so many hosts get the file from here for each that is then a beginning
	perSource    = 2  // hosts that fetch from one host at once
	futile       = 2  // fetches that fail, before one has succeeded, after which nobody tries any more

	readyLimit = 20 * time.Second // for a host to serve, which takes moments; others wait for it
)

// fan is one file on its way: from here to a few hosts, from those to others, and so on. Each that
// has it hands it on, so the number of sources doubles.
type fan struct {
	file runner.Shared
	ctx  context.Context // of the hosts that serve; it ends by stop
	stop context.CancelCauseFunc
	work sync.WaitGroup

	mu      sync.Mutex
	seeds   int // to be uploaded from here
	left    int // hosts that may still want it
	coming  int // sources that there may be soon
	sources []*holder
	fetches int
	futile  int // fetches and servings that did not come to anything
	errs    []error
	changed chan struct{} // closed at the next change
}

// holder is a host that serves.
type holder struct {
	runner.Source
	name    string
	busy    int
	settled bool // it serves, or nobody waits for it any more
}

var errSpread = errors.New("the file is where it should be")

// next decides where a host gets the file from: nil is here. It waits for a source while there is
// hope for one.
func (f *fan) next(ctx context.Context) (*holder, error) {
	for {
		f.mu.Lock()
		from, here := f.choose()
		changed := f.changed
		f.mu.Unlock()
		if from != nil || here {
			return from, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			f.mu.Lock()
			f.left--
			f.mu.Unlock()
			return nil, context.Cause(ctx)
		}
	}
}

// choose takes the source with the least to do, or here; neither means to wait.
func (f *fan) choose() (from *holder, here bool) {
	if f.fetches == 0 && f.futile >= futile {
		f.coming++
		return nil, true
	}
	for _, s := range f.sources {
		if s.busy < perSource && (from == nil || s.busy < from.busy) {
			from = s
		}
	}
	switch {
	case f.seeds > 0:
		f.seeds--
		from = nil
	case from != nil:
		from.busy++
	case len(f.sources) > 0 || f.coming > 0:
		return nil, false
	}
	f.coming++
	return from, from == nil
}

// fetched gives a place at a source back. A source from which a host could not fetch is left alone
// from then on; a host that is lost itself, or was stopped, says nothing of its source.
func (f *fan) fetched(from *holder, err error, ownFault bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.change()
	from.busy--
	switch {
	case err == nil:
		f.fetches++
	case !ownFault:
		f.futile++
		f.drop(from)
	}
}

// drop ends a source. f.mu is held.
func (f *fan) drop(h *holder) {
	f.sources = slices.DeleteFunc(f.sources, func(s *holder) bool { return s == h })
}

// gaveUp ends what choose began, for a host that does not get the file.
func (f *fan) gaveUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left--
	f.coming--
	f.change()
}

// serve makes a source of a host that has the file, if somebody may still want it. The host's own
// task does not wait for that.
func (f *fan) serve(ctx context.Context, name string, notice func(string), peer runner.Peer, dest string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left--
	if f.left <= 0 || f.fetches == 0 && f.futile >= futile || ctx.Err() != nil {
		f.coming--
		f.change()
		return
	}
	h := &holder{name: name}
	f.work.Go(func() {
		late := time.AfterFunc(readyLimit, func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.settle(h) {
				f.futile++
				notice(fmt.Sprintf("nobody waits any more for it to hand the file on: it was not ready within %v", readyLimit))
			}
		})
		err := peer.Serve(f.ctx, f.file, dest, func(s runner.Source) {
			f.mu.Lock()
			defer f.mu.Unlock()
			h.Source = s
			f.sources = append(f.sources, h)
			f.settle(h)
			f.change()
		})
		late.Stop()
		f.mu.Lock()
		defer f.mu.Unlock()
		f.drop(h) // also one that is lost
		f.settle(h)
		f.change()
		switch {
		case err != nil && f.ctx.Err() != nil:
			f.errs = append(f.errs, fmt.Errorf("%s: the key that others fetched with may still be in ~/.ssh/authorized_keys: %w", h.name, err))
		case err != nil:
			f.futile++
			notice(fmt.Sprintf("it cannot hand the file on: %v", err))
		}
	})
}

// settle says that nobody has to wait for h, and whether that is news. f.mu is held.
func (f *fan) settle(h *holder) bool {
	if h.settled {
		return false
	}
	h.settled = true
	f.coming--
	f.change()
	return true
}

// end has the sources take the key back, and waits until they have.
func (f *fan) end() error {
	f.stop(errSpread)
	f.work.Wait()
	return errors.Join(f.errs...)
}

// change wakes those that wait. f.mu is held.
func (f *fan) change() {
	close(f.changed)
	f.changed = make(chan struct{})
}
