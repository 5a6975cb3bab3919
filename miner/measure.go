package miner

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Measure is how many nonces per second so many threads test with a kernel: the best of many
// short bursts in a time, for other programs use the processors too. All threads begin a burst at
// once, and it ends with the last of them.
func (k Kernel) Measure(p Puzzle, threads int, d time.Duration) (rate float64) {
	const calls = 2 // in a burst: about a millisecond
	var ready, done atomic.Int64
	var over atomic.Bool
	var others sync.WaitGroup
	burst := k.burster(p, calls)
	for thread := 1; thread < threads; thread++ {
		others.Go(func() {
			burst := k.burster(p, calls)
			for round := int64(1); ; round++ {
				ready.Add(1)
				for ready.Load() < round*int64(threads) && !over.Load() { // the first begins
				}
				if over.Load() {
					return
				}
				burst()
				done.Add(1)
			}
		})
	}
	for round, end := int64(1), time.Now().Add(d); time.Now().Before(end); round++ {
		for ready.Load() < round*int64(threads)-1 {
			runtime.Gosched()
		}
		began := time.Now()
		ready.Add(1)
		burst()
		for done.Load() < round*int64(threads-1) {
			runtime.Gosched()
		}
		rate = max(rate, Rate(uint64(threads*calls)*k.batch, time.Since(began)))
	}
	over.Store(true)
	others.Wait()
	return rate
}

// burster is a function that tests some batches of nonces, none of which is golden.
func (k Kernel) burster(p Puzzle, calls int) func() {
	p.Bits = MaxBits
	tested := k.open(p)
	first := uint64(1_000_000_000)
	return func() {
		for range calls {
			tested.search(first, 1, k.batch)
			first += k.batch
		}
	}
}
