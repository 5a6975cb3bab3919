package aws

import (
	"time"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/aws/price"
)

// minimum is what EC2 bills at the least of a Linux machine.
const minimum = time.Minute

// price is what a machine costs: what the play says, or what the table has.
func (p *Provider) price(kind string, hourly float64, spot bool) *cloud.Price {
	if hourly == 0 {
		hourly, _ = price.Lookup(p.Region(), kind)
	}
	return &cloud.Price{Hourly: hourly, Minimum: minimum, AtMost: spot}
}

// Price is that of the dearest type that the order may fall back on; with one of unknown price
// among them, nobody knows.
func (p *Provider) Price(spec cloud.LaunchSpec) cloud.Price {
	kinds := spec.Types
	if len(kinds) == 0 {
		kinds = defaultTypes
	}
	dearest := cloud.Price{}
	for _, kind := range kinds {
		one := *p.price(kind, spec.Hourly, spec.Spot)
		if !one.Known() {
			return one
		}
		if one.Hourly > dearest.Hourly {
			dearest = one
		}
	}
	return dearest
}
