package runner

import (
	"fmt"
	"slices"
	"time"

	"github.com/gofab/gofab/internal/journal"
)

// OutsideError is the end of a run whose machines another process has ended, as gofab scram does.
type OutsideError struct {
	PID int       // that process
	At  time.Time // when it began to
}

func (e *OutsideError) Error() string {
	return fmt.Sprintf("gofab scram has ended this run's machines from outside (process %d, at %s)", e.PID, e.At.Local().Format(time.TimeOnly))
}

// endedOutside tells whether another process has begun to end this run's machines; nil: nobody has, as
// far as the journal knows. The first to find out stops the play. It reads a file, and so is asked
// when something has gone wrong.
func (r *Run) endedOutside() *OutsideError {
	r.looking.Lock()
	defer r.looking.Unlock()
	if by := r.outside.Load(); by != nil || r.noOrders.Load() { // once we scram, the journal tells of that
		return by
	}
	size := journal.Size(r.Dir)
	if size == r.looked { // a thousand hosts fail together
		return nil
	}
	r.looked = size
	records, _ := journal.Read(r.Dir) // what can be read of it
	i := slices.IndexFunc(records, func(rec journal.Record) bool { return rec.What == journal.Terminate })
	if i < 0 {
		return nil
	}
	by := &OutsideError{PID: records[i].PID, At: records[i].Time}
	r.outside.Store(by)
	r.stopWork(by)
	return by
}
