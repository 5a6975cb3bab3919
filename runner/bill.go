package runner

import (
	"slices"
	"sync"
	"time"

	"github.com/gofab/gofab/internal/cloud"
)

// bill keeps the lifespans of all machines that a run has launched, those that were replaced or
// lost among them, and knows when their cost reaches the budget. It is safe for concurrent use.
//
// A machine counts until its end is known: until the provider does not list it any more, or scram
// is confirmed. What dies unseen in between is billed too long rather than too short.
type bill struct {
	mu     sync.Mutex
	lives  []lifespan
	at     map[string]int // index in lives by machine
	budget float64        // 0: none
	spent  func()         // called when the budget is reached, perhaps more than once
	alarm  *time.Timer
}

// limit has spent called as soon as the cost reaches the budget.
func (b *bill) limit(budget float64, spent func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.budget, b.spent = budget, spent
	b.wind(time.Now())
}

// saw takes in all machines of the run that there are now.
func (b *bill) saw(machines []cloud.Machine) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	listed := make(map[string]bool, len(machines))
	for _, m := range machines {
		if m.Launched.IsZero() {
			continue
		}
		listed[m.ID] = true
		i, known := b.at[m.ID]
		if !known {
			if b.at == nil {
				b.at = make(map[string]int)
			}
			i = len(b.lives)
			b.at[m.ID] = i
			b.lives = append(b.lives, lifespan{})
		}
		b.lives[i] = lifespan{Machine: m} // one that was missing from a list, and is back, has never ended
	}
	for i := range b.lives {
		if l := &b.lives[i]; !listed[l.ID] && l.ended.IsZero() {
			l.ended = now
		}
	}
	b.wind(now)
}

// gone notes that no machine lives any more.
func (b *bill) gone() { b.saw(nil) }

// cost is what all machines have cost by now.
func (b *bill) cost() *Cost {
	b.mu.Lock()
	defer b.mu.Unlock()
	return tally(b.lives, time.Now())
}

// close lets go of the timer.
func (b *bill) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.budget = 0
	b.wind(time.Now())
}

// wind sets the one timer to the moment at which the budget is reached if nothing changes.
func (b *bill) wind(now time.Time) {
	if b.alarm != nil {
		b.alarm.Stop()
	}
	if b.budget == 0 {
		return
	}
	if left, ever := untilSpent(b.lives, b.budget, now); ever {
		b.alarm = time.AfterFunc(left, b.spent)
	}
}

// far is a time that no run lives to see; a time.Duration ends at 292 years.
const far = 100 * 365 * 24 * time.Hour

// untilSpent is how long it takes, from now on, until the machines have cost so much. A machine
// costs its minimum at once and, when that is used up, more by the second; so the cost is a line
// with bends, and rate is its slope.
func untilSpent(lives []lifespan, budget float64, now time.Time) (left time.Duration, ever bool) {
	spent, rate := 0.0, 0.0 // dollars; dollars a second
	var bends []bend
	for _, l := range lives {
		if l.Price == nil || !l.Price.Known() {
			continue
		}
		lived := l.billed(now)
		spent += l.Price.Of(lived)
		if l.ended.IsZero() {
			bends = append(bends, bend{max(l.Price.Minimum-lived, 0), l.Price.Hourly / time.Hour.Seconds()})
		}
	}
	slices.SortFunc(bends, func(a, b bend) int { return int(min(max(a.at-b.at, -1), 1)) })
	at := time.Duration(0)
	for i := 0; ; i++ {
		if spent >= budget {
			return at, true
		}
		next := far
		if i < len(bends) {
			next = bends[i].at
		}
		if more := rate * (next - at).Seconds(); spent+more >= budget {
			return at + time.Duration((budget-spent)/rate*float64(time.Second)), true
		} else if i == len(bends) {
			return 0, false
		} else {
			spent += more
		}
		at = next
		rate += bends[i].rate
	}
}

// bend is a moment, from now on, at which the cost begins to rise faster, and by how much.
type bend struct {
	at   time.Duration
	rate float64
}
