package local

import (
	"time"

	"github.com/gofab/gofab/internal/cloud"
)

// leastBilled is what a machine with a price is billed at least, as in a cloud, where it is a
// minute: short enough to see in a trial that there is such a thing.
const leastBilled = time.Second

// Price is what the order says: local machines cost nothing, unless somebody wants to try what a
// play would do with those that do.
func (p *Provider) Price(spec cloud.LaunchSpec) cloud.Price { return priceOf(spec.Hourly) }

func priceOf(hourly float64) cloud.Price { return cloud.Price{Hourly: hourly, Minimum: leastBilled} }
