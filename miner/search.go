package miner

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// MaxThreads bounds what NewSearch accepts; more would be a slip of the finger.
const MaxThreads = 1024

// Options is how a search is done, as opposed to what is searched.
type Options struct {
	Threads    int    // 0: as many processors as this process has to itself, a cgroup's limit included
	Kernel     string // empty: the fastest that works here
	FirstFound bool   // report what is found first, rather than the smallest
	Resume     *State // what an earlier search of the same job has covered
}

// Search is a job being done. Make one with NewSearch and call Run once.
type Search struct {
	job        Job
	threads    int
	kernel     Kernel
	firstFound bool
	share      share

	stop  atomic.Bool
	tried atomic.Uint64
	limit atomic.Uint64 // the last term worth testing: the share's last, or below the best find

	mu    sync.Mutex
	todo  cover // terms that were not dealt yet
	done  cover // terms that are known not to be golden
	found bool
	best  uint64 // term of the smallest find
}

// Result is what came of a search.
type Result struct {
	Found   bool
	Nonce   uint64            // if Found: a golden nonce, the smallest of the share unless FirstFound
	Hash    [sha256.Size]byte // if Found
	Tried   uint64            // nonces tested; some of them may lie above Nonce
	Elapsed time.Duration
	Stopped error // why the search ended early; nil when it found a nonce or the share was exhausted
	Covered Covered
}

// Covered tells how far a search has come: no nonce of the share from First to Last is golden.
type Covered struct {
	First, Last uint64
	Empty       bool // not even First has been tested
	Exhausted   bool // the whole share has been tested; Last is then the range's
}

// Rate is nonces per second.
func (r Result) Rate() float64 { return Rate(r.Tried, r.Elapsed) }

// Rate is nonces per second, 0 when no time has passed.
func Rate(tried uint64, elapsed time.Duration) float64 {
	if elapsed <= 0 {
		return 0
	}
	return float64(tried) / elapsed.Seconds()
}

// NewSearch prepares a search.
func NewSearch(job Job, o Options) (*Search, error) {
	if err := job.Validate(); err != nil {
		return nil, err
	}
	if o.Threads < 0 || o.Threads > MaxThreads {
		return nil, fmt.Errorf("threads %d: choose 1 to %d, or 0 for all cores", o.Threads, MaxThreads)
	}
	if o.Threads == 0 {
		o.Threads = cores()
	}
	kernel, err := chooseKernel(o.Kernel, job.Puzzle)
	if err != nil {
		return nil, err
	}
	s := &Search{job: job, threads: o.Threads, kernel: kernel, firstFound: o.FirstFound, share: job.share()}
	s.limit.Store(math.MaxUint64)
	if o.Resume != nil {
		if s.done, err = o.Resume.of(job); err != nil {
			return nil, err
		}
	}
	if !s.share.empty {
		s.todo = s.done.gaps(Interval{s.share.first, s.share.last})
	}
	return s, nil
}

// Threads is how many threads Run uses.
func (s *Search) Threads() int { return s.threads }

// Kernel is the name of the kernel that Run uses.
func (s *Search) Kernel() string { return s.kernel.Name }

// Run searches until a golden nonce is found, the share is exhausted, or ctx ends; the last
// takes at most the time of one call of the kernel, and its cause becomes Result.Stopped.
//
// Unless FirstFound, the nonce it reports is the smallest golden one of the share, for any number
// of threads: slots are dealt lowest first, and a find only ends the testing of higher terms.
func (s *Search) Run(ctx context.Context) Result {
	started := time.Now()
	release := context.AfterFunc(ctx, func() { s.stop.Store(true) })
	defer release()
	s.work()
	result := Result{Found: s.found, Tried: s.tried.Load(), Elapsed: time.Since(started), Covered: s.Covered()}
	switch {
	case s.found:
		result.Nonce = s.share.nonce(s.best)
		result.Hash = s.job.Hash(result.Nonce)
	case !result.Covered.Exhausted:
		result.Stopped = context.Cause(ctx)
	}
	return result
}

// Tried is how many nonces have been tested, at any time and from any goroutine.
func (s *Search) Tried() uint64 { return s.tried.Load() }

// Covered may be called at any time and from any goroutine.
func (s *Search) Covered() Covered {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := Covered{First: s.job.Range.First}
	whole := Interval{s.share.first, s.share.last}
	switch {
	case s.share.empty || len(s.done.gaps(whole)) == 0:
		c.Last, c.Exhausted, c.Empty = s.job.Range.Last, true, s.job.Range.First > s.job.Range.Last
	case len(s.done) == 0 || s.done[0].First > whole.First:
		c.Empty = true
	default:
		c.Last = s.share.nonce(s.done[0].Last)
	}
	return c
}

// Fraction is how much of the share is covered, 0 to 1, at any time and from any goroutine.
func (s *Search) Fraction() float64 {
	if s.share.empty {
		return 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	covered := 0.0
	for _, in := range s.done {
		covered += float64(in.Last-in.First) + 1
	}
	return covered / (float64(s.share.last-s.share.first) + 1)
}

func (s *Search) work() {
	var workers sync.WaitGroup
	for range s.threads {
		workers.Go(func() {
			k := s.kernel.open(s.job.Puzzle)
			for slot, ok := s.deal(); ok; slot, ok = s.deal() {
				s.search(k, slot)
			}
		})
	}
	workers.Wait()
}

// deal takes what is left of the lowest slot with anything left.
func (s *Search) deal() (slot Interval, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.todo) == 0 || s.over(s.todo[0].First) {
		return Interval{}, false
	}
	gap := &s.todo[0]
	slot = Interval{gap.First, min(gap.Last, s.share.slotEnd(gap.First))}
	if slot.Last == gap.Last {
		s.todo = s.todo[1:]
	} else {
		gap.First = slot.Last + 1
	}
	return slot, true
}

// over says whether there is no point in testing a term any more.
func (s *Search) over(term uint64) bool { return s.stop.Load() || term > s.limit.Load() }

// search tests the terms of a slot, as many at once as a stop can wait for.
func (s *Search) search(k kernel, slot Interval) {
	stride := s.share.stride(slot.First)
	batch := s.kernel.batchFor(s.job.Puzzle, stride)
	for from := slot.First; !s.over(from); {
		n := min(slot.Last-from, batch-1) + 1
		before := k.search(s.share.nonce(from), stride, n)
		s.tried.Add(min(before+1, n))
		s.note(from, before, before < n)
		if before < n || from+(n-1) == slot.Last {
			return
		}
		from += n
	}
}

// note keeps that so many terms are not golden, and whether the one behind them is.
func (s *Search) note(from, before uint64, golden bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before > 0 {
		s.done.add(Interval{from, from + (before - 1)})
	}
	if !golden {
		return
	}
	if term := from + before; !s.found || term < s.best {
		s.found, s.best = true, term
		s.limit.Store(term)
	}
	if s.firstFound {
		s.stop.Store(true)
	}
}
