package main

import (
	"sync"
	"time"
)

// every calls do at each interval, until the function it returns is called and has returned. An
// interval of 0 is never.
func every(interval time.Duration, do func()) (finish func()) {
	if interval <= 0 {
		return func() {}
	}
	done := make(chan struct{})
	var calling sync.WaitGroup
	calling.Go(func() {
		ticks := time.NewTicker(interval)
		defer ticks.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticks.C:
				do()
			}
		}
	})
	return func() {
		close(done)
		calling.Wait()
	}
}

// speedometer tells the rate since it was last asked.
type speedometer struct {
	at    time.Time
	tried uint64
}

func (s *speedometer) text(tried uint64) string {
	now := time.Now()
	text := rateText(tried-s.tried, now.Sub(s.at))
	s.at, s.tried = now, tried
	return text
}
