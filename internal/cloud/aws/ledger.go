package aws

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/gofab/gofab/internal/journal"
)

// order is one RunInstances, as the run's journal has it.
type order struct {
	journal.Record
	terminations int       // of the run, before the order
	sent         time.Time // for the last time
	answered     time.Time // zero: nobody knows what became of it
	ids          []string  // what it brought, when answered
}

// open tells whether nobody knows what became of the order.
func (o order) open() bool { return o.answered.IsZero() }

// end is the number after the order's last machine.
func (o order) end() int { return o.First + o.Count }

// young tells whether EC2 may not show yet what the order has made. Without an answer, the last
// call may have had its effect as late as its time allowed.
func (p pace) young(o order) bool {
	if o.open() {
		return p.recent(o.sent, p.effect+p.settling)
	}
	return p.recent(o.answered, p.settling)
}

// recent tells whether t is less than d ago, whichever way the clock was set meanwhile.
func (p pace) recent(t time.Time, d time.Duration) bool { return time.Since(t).Abs() < d }

// ledger is what the run's journal says of its orders.
type ledger struct {
	orders       []order
	groups       map[string]time.Time // security groups that were made, by id, and when
	grouping     time.Time            // when a group was last about to be made; zero: its id is known
	terminations int                  // how often somebody has begun to end the run
	settled      int                  // orders that were shown to be ended, the first so many
	account      string               // whose the machines are, as EC2 said
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
		l.fold(rec)
	}
	return l, nil
}

func (l *ledger) fold(rec journal.Record) {
	l.account = cmp.Or(rec.Account, l.account)
	switch rec.What {
	case journal.Order:
		l.order(rec)
	case journal.Machines:
		if o := l.find(rec.Token); o != nil {
			o.answered, o.ids = rec.Time, rec.Machines
		}
	case journal.Group:
		switch l.grouping = rec.Time; {
		case rec.Group != "":
			l.groups[rec.Group], l.grouping = rec.Time, time.Time{}
		case rec.Error != "":
			l.grouping = time.Time{}
		}
	case journal.Terminate:
		l.terminations++
	case journal.Terminated:
		clear(l.groups)
		l.grouping, l.settled = time.Time{}, len(l.orders)
	}
}

// order is a new one, or one that was sent again.
func (l *ledger) order(rec journal.Record) {
	if o := l.find(rec.Token); o != nil {
		o.sent = rec.Time
		return
	}
	l.orders = append(l.orders, order{Record: rec, terminations: l.terminations, sent: rec.Time})
}

// find is the order of a token; nil: there is none.
func (l *ledger) find(token string) *order {
	i := slices.IndexFunc(l.orders, func(o order) bool { return o.Token == token && token != "" })
	if i < 0 {
		return nil
	}
	return &l.orders[i]
}

// next is the number that the next order's first machine gets.
func (l ledger) next() int {
	n := 0
	for _, o := range l.orders {
		n = max(n, o.end())
	}
	return n
}

// current are the orders since somebody last began to end the run.
func (l ledger) current() []order {
	return slices.DeleteFunc(slices.Clone(l.orders), func(o order) bool { return o.terminations < l.terminations })
}

// unsettled are the orders of which nobody has shown that nothing is left.
func (l ledger) unsettled() []order { return l.orders[l.settled:] }

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
	rec.Run, rec.Provider, rec.Region = run, p.Name(), p.Region()
	return errors.Join(j.Write(rec), j.Close())
}
