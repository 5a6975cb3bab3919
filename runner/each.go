package runner

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Each calls do for 0..n-1, at most limit at a time (0: all at once), and returns when all have
// returned. When ctx has ended, do is called all the same: it is for do to say what that means.
func Each(ctx context.Context, n, limit int, do func(ctx context.Context, i int)) {
	var g errgroup.Group
	if limit > 0 {
		g.SetLimit(limit)
	}
	for i := range n {
		g.Go(func() error {
			do(ctx, i)
			return nil
		})
	}
	g.Wait()
}

// First calls do for 0..n-1, all at once. As soon as one returns true, it is the winner: the
// others' contexts end with ErrRaceWon, then won is called. First returns when all have returned,
// with the winner or -1.
func First(ctx context.Context, n int, do func(ctx context.Context, i int) bool, won func(i int)) int {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var winner atomic.Int64
	winner.Store(-1)
	Each(ctx, n, 0, func(ctx context.Context, i int) {
		if do(ctx, i) && winner.CompareAndSwap(-1, int64(i)) {
			cancel(ErrRaceWon)
			won(i)
		}
	})
	return int(winner.Load())
}
