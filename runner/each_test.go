package runner_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofab/gofab/runner"
)

func TestEach(t *testing.T) {
	for _, limit := range []int{0, 1, 3, 100} {
		synctest.Test(t, func(t *testing.T) {
			const n = 10
			var now, most atomic.Int64
			var done [n]bool
			began := time.Now()
			runner.Each(t.Context(), n, limit, func(_ context.Context, i int) {
				if at := now.Add(1); at > most.Load() {
					most.Store(at)
				}
				time.Sleep(time.Second)
				now.Add(-1)
				done[i] = true
			})
			want := min(n, limit)
			if limit == 0 {
				want = n
			}
			if most.Load() > int64(want) || time.Since(began) != time.Duration((n+want-1)/want)*time.Second {
				t.Errorf("limit %d: %d at once, %v", limit, most.Load(), time.Since(began))
			}
			for i, d := range done {
				if !d {
					t.Errorf("limit %d: %d was not done", limit, i)
				}
			}
		})
	}
}

// Who comes too late is called all the same, and sees that it is over.
func TestEachAfterTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var called atomic.Int64
	runner.Each(ctx, 5, 2, func(ctx context.Context, _ int) {
		if ctx.Err() != nil {
			called.Add(1)
		}
	})
	if called.Load() != 5 {
		t.Error(called.Load())
	}
}

func TestFirst(t *testing.T) {
	for name, c := range map[string]struct {
		after  []time.Duration // until success; negative: a failure after that time
		winner int
		took   time.Duration
	}{
		"one":        {[]time.Duration{9 * time.Second, 2 * time.Second, 5 * time.Second}, 1, 2 * time.Second},
		"failures":   {[]time.Duration{-time.Second, -2 * time.Second, 5 * time.Second}, 2, 5 * time.Second},
		"nobody":     {[]time.Duration{-time.Second, -3 * time.Second}, -1, 3 * time.Second},
		"none there": {nil, -1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, won := time.Now(), []int{}
				got := runner.First(t.Context(), len(c.after), func(ctx context.Context, i int) bool {
					select {
					case <-time.After(c.after[i].Abs()):
						return c.after[i] > 0
					case <-ctx.Done():
						if context.Cause(ctx) != runner.ErrRaceWon {
							t.Errorf("stopped because of %v", context.Cause(ctx))
						}
						return false
					}
				}, func(i int) { won = append(won, i) })
				if got != c.winner || time.Since(began) != c.took || got >= 0 && (len(won) != 1 || won[0] != got) {
					t.Errorf("winner %d (%v) after %v", got, won, time.Since(began))
				}
			})
		})
	}
}

// When all succeed at the same time, one has won, and it is the one that is told.
func TestFirstAtOnce(t *testing.T) {
	for range 200 {
		var won atomic.Int64
		winner := runner.First(t.Context(), 8, func(context.Context, int) bool { return true }, func(i int) { won.Add(int64(i) + 100) })
		if won.Load() != int64(winner)+100 {
			t.Fatalf("winner %d, told %d", winner, won.Load())
		}
	}
}
