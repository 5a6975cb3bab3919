package miner_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gofab/gofab/miner"
)

func TestHostsFindTheSmallestTogether(t *testing.T) {
	t.Parallel()
	for _, byNonce := range []bool{false, true} {
		for _, count := range []uint64{1, 2, 3, 8, 40} {
			best := uint64(math.MaxUint64)
			for index := range count {
				job := miner.Job{Puzzle: bits(20), Index: index, Count: count, Range: miner.HalfOpen(0, 50_000), ByNonce: byNonce}
				got := run(t, job, int(index%3)+1)
				if !got.Found {
					continue
				}
				if owner := got.Nonce / miner.ChunkUnit; !byNonce && owner%count != index || byNonce && got.Nonce%count != index {
					t.Errorf("host %d of %d reports %d, which is not its own", index, count, got.Nonce)
				}
				best = min(best, got.Nonce)
			}
			if best != 46697 {
				t.Errorf("%d hosts find %d, want 46697", count, best)
			}
		}
	}
}

// Many finds that threads meet in any order: the smallest has to win every time.
func TestThreadsAgree(t *testing.T) {
	t.Parallel()
	for start := uint64(4097); start < 400_000; start += 80_000 {
		job := miner.Job{Puzzle: bits(12), ByNonce: true, Index: 1, Count: 3, Range: miner.HalfOpen(start, 1<<32)}
		want := run(t, job, 1)
		for threads := 2; threads < 9; threads++ {
			if got := run(t, job, threads); got.Nonce != want.Nonce || got.Hash != want.Hash {
				t.Errorf("from %d: %d threads find %d, one finds %d", start, threads, got.Nonce, want.Nonce)
			}
		}
	}
}

func TestTriedIsExactWhenExhausted(t *testing.T) {
	t.Parallel()
	for _, size := range []uint64{0, 1, 999, 1000, 1001, 25_000} {
		for threads := 1; threads < 4; threads++ {
			got := run(t, miner.Job{Puzzle: bits(256), Count: 1, Range: miner.HalfOpen(math.MaxUint64-size, math.MaxUint64)}, threads)
			if got.Found || got.Tried != size || got.Stopped != nil {
				t.Errorf("%d nonces on %d threads: %+v", size, threads, got)
			}
		}
	}
	got := run(t, miner.Job{Puzzle: bits(256), Count: 3, ByNonce: true, Range: miner.Range{First: math.MaxUint64 - 8, Last: math.MaxUint64}}, 2)
	if got.Found || got.Tried != 3 {
		t.Errorf("a third of the last nine nonces: %+v", got)
	}
}

func TestStops(t *testing.T) {
	t.Parallel()
	search, err := miner.NewSearch(miner.Job{Puzzle: bits(256), Count: 1, Range: miner.Range{Last: math.MaxUint64}}, miner.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan miner.Result)
	go func() { done <- search.Run(ctx) }()
	for tried := uint64(0); tried < 10_000; {
		tried = search.Tried()
		time.Sleep(time.Millisecond) // the search is another thread's work
	}
	cancel(cause)
	got := <-done
	if got.Found || !errors.Is(got.Stopped, cause) {
		t.Errorf("got %+v", got)
	}
	sum := uint64(0)
	for _, in := range search.State().Covered {
		sum += in.Last - in.First + 1
	}
	if sum != got.Tried || got.Covered.Empty || got.Covered.Exhausted || got.Covered.Last > got.Tried {
		t.Errorf("%d covered, result %+v", sum, got)
	}
}

func TestStoppedBeforeItBegins(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	search, err := miner.NewSearch(miner.Job{Puzzle: bits(256), Count: 1, Range: miner.Range{Last: math.MaxUint64}}, miner.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got := search.Run(ctx); got.Found || !errors.Is(got.Stopped, context.Canceled) {
		t.Errorf("got %+v", got)
	}
}

func TestBadJobs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		job     miner.Job
		options miner.Options
		want    string
	}{
		{miner.Job{Count: 1}, miner.Options{}, "bits 0: a hash has 256 bits, choose 1 to 256"},
		{miner.Job{Puzzle: bits(257), Count: 1}, miner.Options{}, "bits 257"},
		{miner.Job{Puzzle: bits(4)}, miner.Options{}, "count 0"},
		{miner.Job{Puzzle: bits(4), Count: 1, Chunk: 12}, miner.Options{}, "chunk 12: choose a multiple of 10000"},
		{miner.Job{Puzzle: bits(4), Index: 4, Count: 4}, miner.Options{}, "index 4: hosts count from 0, so with count 4 choose 0 to 3"},
		{miner.Job{Index: 4, Count: 4}, miner.Options{}, "choose 1 to 256\nindex 4"},
		{miner.Job{Puzzle: bits(4), Count: 1}, miner.Options{Threads: -1}, "threads -1"},
		{miner.Job{Puzzle: bits(4), Count: 1}, miner.Options{Threads: 5000}, "threads 5000"},
		{miner.Job{Puzzle: bits(4), Count: 1}, miner.Options{Kernel: "magic"}, `kernel "magic": choose `},
	} {
		if _, err := miner.NewSearch(test.job, test.options); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, want %q", test.job, err, test.want)
		}
	}
}

// bits is the default puzzle at a difficulty.
func bits(n int) miner.Puzzle { return miner.Puzzle{Block: miner.DefaultBlock, Bits: n} }
