package remote

import (
	"io"
	"sync/atomic"
	"time"
)

const (
	drainQuiet = time.Second      // without output after the command's end
	drainLimit = 10 * time.Second // for what was under way at its end, as long as we are not the slow ones
)

// output hands on what a command writes.
type output struct {
	pumps   atomic.Int32
	dry     chan struct{} // closed when the last pump has ended
	latest  atomic.Int64  // when output last came, by the clock of now
	busy    atomic.Int32  // pumps that are handing output on
	patient atomic.Bool   // the end of the output is not to be forced
}

// pump hands both streams on as they come. When the reader of our output is slow, so is the
// command: pipes and windows fill, and memory stays bounded.
func (o *output) pump(stdout, stderr io.Writer, outFrom, errFrom io.Reader) {
	o.dry = make(chan struct{})
	o.pumps.Store(2)
	go o.copy(stdout, outFrom)
	go o.copy(stderr, errFrom)
}

// The first buffer is small, because most commands say little and a thousand may run.
const leastBuffer, mostBuffer = 512, 32 << 10

func (o *output) copy(w io.Writer, r io.Reader) {
	defer func() {
		if o.pumps.Add(-1) == 0 {
			close(o.dry)
		}
	}()
	buf := make([]byte, leastBuffer)
	for {
		n, err := r.Read(buf)
		o.busy.Add(1)
		if n > 0 {
			w.Write(buf[:n])
		}
		o.latest.Store(int64(now()))
		o.busy.Add(-1)
		if err != nil {
			return
		}
		if n == len(buf) && n < mostBuffer {
			buf = make([]byte, 8*n)
		}
	}
}

// drain is called at the command's end and waits for that of its output: the end of file or, when
// a process that the command left behind holds it open, a while without any. Then it has hangUp
// take the output away.
func (o *output) drain(hangUp func()) {
	end := now()
	o.latest.Store(int64(end))
	tick := time.NewTicker(drainQuiet / 4)
	defer tick.Stop()
	for {
		select {
		case <-o.dry:
			return
		case <-tick.C:
			quiet := now() - time.Duration(o.latest.Load())
			if !o.patient.Load() && o.busy.Load() == 0 && (quiet > drainQuiet || now()-end > drainLimit) {
				hangUp()
				<-o.dry
				return
			}
		}
	}
}

// now counts from the start of the program, so that a clock that is set does not look like silence.
func now() time.Duration { return time.Since(started) }

var started = time.Now()
