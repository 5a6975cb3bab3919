package remote

import (
	"context"
	"sync"
)

// limiter bounds how many logins are under way together, and learns from each. A login costs both
// sides processor time: as long as logins are quick, there may be more; when they come near their
// time limit, or a server drops connections because too many are unfinished (MaxStartups), fewer.
// One limiter is shared by all hosts, and one by those with one address.
type limiter struct {
	most int // never more than this

	mu      sync.Mutex
	limit   int
	careful int // since the last drop: logins that have to go well before there may be one more
	busy    int
	waiting []chan struct{} // in the order in which they came
}

// leastLogins is how far slowness alone brings the limit down.
const leastLogins = 4

func newLimiter(first, most int) *limiter { return &limiter{limit: first, most: most} }

// enter waits for its turn; who has entered must leave.
func (l *limiter) enter(ctx context.Context) error {
	l.mu.Lock()
	if l.busy < l.limit {
		l.busy++
		l.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	l.waiting = append(l.waiting, turn)
	l.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-turn: // at the same moment: pass it on
		l.busy--
		l.admit()
	default:
		for i, w := range l.waiting {
			if w == turn {
				l.waiting = append(l.waiting[:i], l.waiting[i+1:]...)
				break
			}
		}
	}
	return context.Cause(ctx)
}

// A login is what came of one, for the limiter to learn from.
type login int

const (
	unknown login = iota // the network's fault, or ours
	quick
	late
	dropped // by the server
)

// leave makes room for the next.
func (l *limiter) leave(how login) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case how == dropped:
		l.limit = max(1, min(l.limit, l.busy)/2)
		l.careful = l.limit
	case how == late && l.limit > leastLogins:
		l.limit--
	case how == quick && l.careful > 1:
		l.careful--
	case how == quick && l.limit <= l.busy: // the limit is what others wait for
		l.limit = min(l.limit+1, l.most)
		if l.careful > 0 {
			l.careful = l.limit
		}
	}
	l.busy--
	l.admit()
}

// admit lets in whom the limit allows.
func (l *limiter) admit() {
	for l.busy < l.limit && len(l.waiting) > 0 {
		close(l.waiting[0])
		l.waiting = l.waiting[1:]
		l.busy++
	}
}
