package cloud

import "time"

// Price is what a machine costs while it lives.
type Price struct {
	Hourly  float64       // US dollars an hour; 0: nobody knows
	Minimum time.Duration // billed even when the machine lives shorter
	AtMost  bool          // the true price is this or lower, as on a spot market
}

// Known tells whether there is a price at all.
func (p Price) Known() bool { return p.Hourly > 0 }

// Of is the cost, in US dollars, of a machine that has lived for d.
func (p Price) Of(d time.Duration) float64 { return p.Hourly * max(d, p.Minimum).Hours() }
