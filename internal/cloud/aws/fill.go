package aws

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"github.com/gofab/gofab/internal/journal"
)

// place is where an order looks for room.
type place struct{ zone, kind string }

// places are all of them, in the order of preference: all zones for the best type, then the next.
func (l *launch) places() []place {
	kinds, zones := l.spec.Types, l.spec.Zones
	if len(kinds) == 0 {
		kinds = defaultTypes
	}
	if len(zones) == 0 {
		zones = []string{""}
	}
	var all []place
	for _, kind := range kinds {
		for _, zone := range zones {
			all = append(all, place{zone, kind})
		}
	}
	return all
}

// elsewhere tells whether an order was refused for a reason that may not hold for the next place:
// there is no room, or the type is not offered in the region and there is another.
func (l *launch) elsewhere(at place, err error) bool {
	var unknown *openError
	if errors.As(err, &unknown) {
		return false // it may have had room after all
	}
	places := l.places()
	last := places[len(places)-1].kind == at.kind
	return is(err, noCapacity) || !last && code(err) == "InvalidParameterValue" && strings.Contains(err.Error(), "nstanceType")
}

// fill orders until nothing is missing, or there is no place left that has room.
func (l *launch) fill(ctx context.Context) error {
	var none []error
	for _, at := range l.places() {
		for l.missing() > 0 {
			before := l.missing()
			err := l.send(ctx, l.order(at, min(before, batch)))
			if l.elsewhere(at, err) {
				none = append(none, err)
				break
			}
			if err != nil {
				return err
			}
			if before-l.missing() < min(before, batch) {
				break // it gave what it had
			}
		}
	}
	if l.missing() <= 0 {
		return nil
	}
	if none == nil {
		return errors.New("EC2 has given fewer than asked for, and nowhere more")
	}
	return errors.Join(none...)
}

// order is a new one, with a token that nobody has used. Numbers of machines are never used
// twice, not even those of an order that came to nothing.
func (l *launch) order(at place, count int) order {
	o := order{Record: journal.Record{
		Time: time.Now().UTC().Truncate(time.Second), What: journal.Order, Token: "gofab-" + rand.Text(),
		First: l.fleet.next(), Count: count, Min: count, Type: at.kind, Zone: at.zone,
	}}
	o.Expires = o.Time.Add(l.spec.TTL)
	if l.spec.Min > 0 {
		o.Min = min(count, max(1, l.spec.Min-len(l.machines())))
	}
	if l.spec.Min > 0 && l.missing() > batch {
		o.Min = 1
	}
	return o
}

// next is the first number that no machine has had.
func (f fleet) next() int {
	n := f.ledger.next()
	for _, i := range f.instances {
		n = max(n, i.number+1)
	}
	return n
}
