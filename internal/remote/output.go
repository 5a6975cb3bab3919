package remote

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	drainQuiet = time.Second      // without output after the command's end
	drainLimit = 10 * time.Second // for what was under way at its end, as long as we are not the slow ones
)

// output hands on what a command writes.
type output struct {
	pumps sync.WaitGroup
	last  atomic.Int64 // when output last came, by the clock of now
	busy  atomic.Int32 // pumps that are handing output on
}

// pump hands output on as it comes. When the reader of our output is slow, so is the command:
// pipes and windows fill, and memory stays bounded.
func (o *output) pump(w io.Writer, r io.Reader) {
	o.pumps.Go(func() {
		buf := make([]byte, 32<<10)
		for {
			n, err := r.Read(buf)
			o.busy.Add(1)
			if n > 0 {
				w.Write(buf[:n])
			}
			o.last.Store(int64(now()))
			o.busy.Add(-1)
			if err != nil {
				return
			}
		}
	})
}

// drain is called at the command's end and waits for that of its output: the end of file or, when
// a process that the command left behind holds it open, a while without any. Then it has hangUp
// take the output away.
func (o *output) drain(hangUp func()) {
	end := now()
	o.last.Store(int64(end))
	closed := make(chan struct{})
	go func() { o.pumps.Wait(); close(closed) }()
	tick := time.NewTicker(drainQuiet / 4)
	defer tick.Stop()
	for {
		select {
		case <-closed:
			return
		case <-tick.C:
			quiet := now() - time.Duration(o.last.Load())
			if o.busy.Load() == 0 && (quiet > drainQuiet || now()-end > drainLimit) {
				hangUp()
				<-closed
				return
			}
		}
	}
}

// now counts from the start of the program, so that a clock that is set does not look like silence.
func now() time.Duration { return time.Since(started) }

var started = time.Now()
