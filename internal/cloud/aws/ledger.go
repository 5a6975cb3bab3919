package aws

import (
	"errors"
	"io/fs"
	"time"

	"github.com/gofab/gofab/internal/journal"
)

// order is one RunInstances, as the run's journal has it.
type order struct {
	journal.Record
	answered bool
	ids      []string // what it brought, when answered
}

// young tells whether EC2 may not show yet what the order has made.
func (p pace) young(o order) bool { return time.Since(o.Time) < p.settling }

// end is the number after the order's last machine.
func (o order) end() int { return o.First + o.Count }

// ledger is what the run's journal says of its orders.
type ledger struct {
	orders     []order
	groups     map[string]time.Time // security groups that were made, by id, and when
	grouping   time.Time            // when a group was last about to be made; zero: its id is known
	terminated time.Time            // when somebody last began to end the run
}

// readLedger reads the journal of a run; one that is not there has no orders. Damaged lines are
// passed over: the tags know what they hid.
func (p *Provider) readLedger(run string) (ledger, error) {
	l := ledger{groups: map[string]time.Time{}}
	where, err := p.runDir(run)
	if err != nil {
		return l, err
	}
	records, err := journal.Read(where)
	var damaged *journal.DamagedError
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.As(err, &damaged) {
		return l, err
	}
	for _, rec := range records {
		switch rec.What {
		case journal.Order:
			l.orders = append(l.orders, order{Record: rec})
		case journal.Machines:
			l.answer(rec)
		case journal.Group:
			l.group(rec)
		case journal.Terminated:
			clear(l.groups)
			l.grouping = time.Time{}
		case journal.Terminate:
			l.terminated = rec.Time
		}
	}
	return l, nil
}

func (l *ledger) answer(rec journal.Record) {
	for i := range l.orders {
		if o := &l.orders[i]; rec.Token != "" && o.Token == rec.Token {
			o.answered, o.ids = true, rec.Machines
		}
	}
}

func (l *ledger) group(rec journal.Record) {
	l.grouping = rec.Time
	if rec.Group != "" {
		l.groups[rec.Group], l.grouping = rec.Time, time.Time{}
	}
}

// next is the number that the next order's first machine gets.
func (l ledger) next() int {
	n := 0
	for _, o := range l.orders {
		n = max(n, o.end())
	}
	return n
}

// current are the orders since the run was last terminated.
func (l ledger) current() []order {
	var out []order
	for _, o := range l.orders {
		if o.Time.After(l.terminated) {
			out = append(out, o)
		}
	}
	return out
}

// note adds a record to the run's journal, and is done when it is on the disk.
func (p *Provider) note(run string, rec journal.Record) error {
	where, err := p.runDir(run)
	if err != nil {
		return err
	}
	j, err := journal.Append(where)
	if err != nil {
		return err
	}
	rec.Run, rec.Provider, rec.Region = run, p.Name(), p.region
	return errors.Join(j.Write(rec), j.Close())
}
