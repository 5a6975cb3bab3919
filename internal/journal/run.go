package journal

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Run is what a run's directory tells about it.
type Run struct {
	ID       string
	Dir      string
	Play     string
	File     string
	Provider string
	Region   string
	Began    time.Time // by the journal, else by the id
	Ended    time.Time // zero: it runs still, or crashed
	Code     int       // exit status, if it ended
	PID      int       // of the controller; it may be long gone
	Expires  time.Time // when the machines ordered will have ended by themselves, where an order says so
	Running  bool      // the controller lives
	Scrammed time.Time // when the provider said last that nothing is left; zero once something was ordered after that

	// Unsettled means that machines were ordered, or may have been, and nothing later in the
	// journal says that all of them are gone. Only the provider knows.
	Unsettled bool

	// Err is what was wrong with the journal; the other fields hold what could be read.
	Err error
}

// Crashed reports whether the controller died before it could write how the run ended.
func (r Run) Crashed() bool { return r.Ended.IsZero() && !r.Running }

// Runs lists the runs under stateDir, newest last. What is no run's directory is passed over; a
// run whose journal is broken or missing is listed with Err set. No directory means no runs.
func Runs(stateDir string) ([]Run, error) {
	entries, err := os.ReadDir(filepath.Join(stateDir, "runs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var runs []Run
	for _, e := range entries {
		if e.IsDir() && ValidID(e.Name()) {
			runs = append(runs, load(stateDir, e.Name()))
		}
	}
	slices.SortFunc(runs, func(a, b Run) int {
		return cmp.Or(cmp.Compare(a.ID[:len(idTime)], b.ID[:len(idTime)]), a.Began.Compare(b.Began), cmp.Compare(a.ID, b.ID))
	})
	return runs, nil
}

func load(stateDir, id string) Run {
	r := Run{ID: id, Dir: Dir(stateDir, id)}
	// Asked before the journal is read: a run that ends in between is then seen as running,
	// not as crashed.
	alive, lockErr := Alive(r.Dir)
	entries, err := read(r.Dir)
	if err == nil {
		err = damage(r.Dir, entries)
	}
	r.Running = alive
	r.Err = errors.Join(err, lockErr)
	r.fold(entries)
	if r.Began.IsZero() {
		r.Began, _ = time.Parse(idTime, id[:len(idTime)])
	}
	return r
}

// fold goes through the journal. A bad line may have been the order for machines.
func (r *Run) fold(entries []entry) {
	for _, e := range entries {
		switch {
		case e.bad, e.What == Launch, e.What == Queue, e.What == Group, e.What == Order, e.What == Machines:
			r.Unsettled, r.Scrammed = true, time.Time{}
		case e.What == Terminated:
			r.Unsettled, r.Scrammed = false, e.Time
		case e.What == Begin:
			r.Began, r.PID = e.Time, e.PID
		case e.What == End:
			r.Ended = e.Time
			if e.Code != nil {
				r.Code = *e.Code
			}
		}
		if e.Expires.After(r.Expires) {
			r.Expires = e.Expires
		}
		r.Play = cmp.Or(r.Play, e.Play)
		r.File = cmp.Or(r.File, e.File)
		r.Provider = cmp.Or(r.Provider, e.Provider)
		r.Region = cmp.Or(r.Region, e.Region)
	}
}
