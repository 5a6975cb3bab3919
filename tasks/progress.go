package tasks

import (
	"fmt"
	"sync"
	"time"
)

// progressEvery is how often a long upload says how far it is.
const progressEvery = 5 * time.Second

// progress counts what has been uploaded. Its methods are safe for concurrent use.
type progress struct {
	objects objects
	total   int64

	mu       sync.Mutex
	arrived  []int64 // bytes of each object
	finished int
}

func newProgress(objects objects) *progress {
	p := &progress{objects: objects, arrived: make([]int64, len(objects))}
	for _, o := range objects {
		p.total += o.size
	}
	return p
}

// sent notes that so many bytes of an object are there. News may arrive out of order.
func (p *progress) sent(i int, bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrived[i] = min(max(p.arrived[i], bytes), p.objects[i].size)
}

// done notes that an object is there as a whole.
func (p *progress) done(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrived[i] = p.objects[i].size
	p.finished++
}

func (p *progress) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var bytes int64
	for _, n := range p.arrived {
		bytes += n
	}
	return fmt.Sprintf("%d of %s, %s of %s", p.finished, counted(len(p.objects), "object"), size(bytes), size(p.total))
}

// tell says every few seconds how far it is, until what it returns is called.
func (p *progress) tell(notice func(string)) (stop func()) {
	tick := time.NewTicker(progressEvery)
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-tick.C:
				notice(p.String())
			case <-end:
				return
			}
		}
	}()
	return func() {
		tick.Stop()
		close(end)
		<-ended
	}
}
