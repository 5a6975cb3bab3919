package runner

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofab/gofab/internal/cloud"
)

// Cost is what the machines of a run have cost. Machines that nobody bills are not in it.
type Cost struct {
	Machines       int        `json:"machines"`
	MachineSeconds float64    `json:"machine_seconds"`    // billed ones: each machine's life, or the provider's minimum
	USD            float64    `json:"usd,omitempty"`      // of those whose price is known; left out when there are none
	Unknown        int        `json:"unknown,omitempty"`  // machines whose price nobody knows; usd is without them
	Unpriced       []Unpriced `json:"unpriced,omitempty"` // what they are
	AtMost         bool       `json:"at_most,omitempty"`  // the true cost is usd or less, as on a spot market
	Running        int        `json:"running,omitempty"`  // machines that live on, and cost on
}

// Unpriced are machines of a kind whose price nobody knows.
type Unpriced struct {
	Type     string `json:"type,omitempty"`
	Zone     string `json:"zone,omitempty"`
	Machines int    `json:"machines"`
}

// Amount is the cost in a few characters: what is known, and how it relates to the truth. Nobody
// ever reads a 0 where there is no price.
func (c *Cost) Amount() string {
	switch {
	case c == nil:
		return "-"
	case c.Unknown == c.Machines, c.Unknown > 0 && c.AtMost:
		return "?"
	case c.Unknown > 0:
		return "at least " + Dollars(c.USD)
	case c.AtMost:
		return "at most " + Dollars(c.USD)
	}
	return Dollars(c.USD)
}

// lifespan is a machine and the time for which it is billed.
type lifespan struct {
	cloud.Machine
	ended time.Time // zero: it lives
}

// billed is how long the machine has lived by now.
func (l lifespan) billed(now time.Time) time.Duration {
	if !l.ended.IsZero() && l.ended.Before(now) {
		now = l.ended
	}
	return max(now.Sub(l.Launched), 0)
}

// CostSoFar is what living machines have cost by now; nil when nobody bills them.
func CostSoFar(machines []cloud.Machine, now time.Time) *Cost {
	var lives []lifespan
	for _, m := range machines {
		lives = append(lives, lifespan{Machine: m})
	}
	return tally(lives, now)
}

func tally(lives []lifespan, now time.Time) *Cost {
	c := &Cost{}
	for _, l := range lives {
		if l.Price == nil || l.Launched.IsZero() {
			continue
		}
		lived := l.billed(now)
		c.Machines++
		c.MachineSeconds += max(lived, l.Price.Minimum).Seconds()
		if l.ended.IsZero() {
			c.Running++
		}
		if !l.Price.Known() {
			c.unpriced(l.Type, l.Zone)
			continue
		}
		c.USD += l.Price.Of(lived)
		c.AtMost = c.AtMost || l.Price.AtMost
	}
	if c.Machines == 0 {
		return nil
	}
	return c
}

func (c *Cost) unpriced(typ, zone string) {
	c.Unknown++
	i := slices.IndexFunc(c.Unpriced, func(u Unpriced) bool { return u.Type == typ && u.Zone == zone })
	if i < 0 {
		i = len(c.Unpriced)
		c.Unpriced = append(c.Unpriced, Unpriced{Type: typ, Zone: zone})
	}
	c.Unpriced[i].Machines++
}

// String is the kind as people name it: c9z.large in eu-north-9a.
func (u Unpriced) String() string {
	s := cmp.Or(u.Type, "machine")
	if u.Zone != "" {
		s += " in " + u.Zone
	}
	return s
}

// Dollars writes an amount with up to four decimals, so that a small one is not read as nothing.
func Dollars(usd float64) string {
	if usd > 0 && usd < 0.0001 {
		return "less than $0.0001"
	}
	text := fmt.Sprintf("$%.4f", usd)
	return text[:len(text)-2] + strings.TrimRight(text[len(text)-2:], "0")
}

// ParseDollars reads an amount above 0: 0.50, $0.50.
func ParseDollars(text string) (float64, error) {
	number := strings.TrimPrefix(strings.TrimSpace(text), "$")
	usd, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(usd > 0) || math.IsInf(usd, 0) {
		return 0, errors.New("an amount of US dollars above 0, such as 0.50")
	}
	return usd, nil
}
