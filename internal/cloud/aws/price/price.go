// Package price knows what instances of EC2 cost on demand: a table of common types by region, as
// it was on one day. It is for orientation and for budgets; what AWS bills is another matter, and
// a type or region that is not here has no price, rather than a guessed one.
//
// The table is prices.txt, embedded, which also names its sources. To renew it, change the numbers
// and the date there.
package price

import (
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed prices.txt
var text string

var read = sync.OnceValues(func() (*table, error) { return parse(text) })

// Lookup is what a type costs in a region, in US dollars an hour; ok is false when the table does
// not have it.
func Lookup(region, instanceType string) (hourly float64, ok bool) {
	t, err := read()
	if err != nil { // a test sees to it that there is none
		return 0, false
	}
	hourly, ok = t.hourly[place{region, instanceType}]
	return hourly, ok
}

// Date is the day of which the prices are.
func Date() time.Time {
	t, err := read()
	if err != nil {
		return time.Time{}
	}
	return t.date
}

type place struct{ region, instanceType string }

type table struct {
	date   time.Time
	hourly map[place]float64
}

// family is a row of sizes whose prices are in proportion.
type family struct {
	decimals int
	sizes    map[string]float64 // in units of large, by the word after the dot
}

// reader is the state of a parse: what the next prices are prices of.
type reader struct {
	table
	families map[string]family
	name     string  // of the family, or the whole type when it stands by itself
	units    float64 // of the size that the prices are of; 0: a type by itself
}

func parse(text string) (*table, error) {
	r := &reader{table: table{hourly: map[place]float64{}}, families: map[string]family{}}
	n := 0
	for line := range strings.Lines(text) {
		n++
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if err := r.line(words); err != nil {
			return nil, fmt.Errorf("prices.txt:%d: %w", n, err)
		}
	}
	return &r.table, nil
}

func (r *reader) line(words []string) (err error) {
	switch {
	case words[0] == "date" && len(words) == 2:
		r.date, err = time.Parse(time.DateOnly, words[1])
	case words[0] == "family" && len(words) == 4:
		err = r.family(words[1], words[2], strings.Split(words[3], ","))
	case words[0] == "base" && len(words) == 3:
		r.name = words[1]
		r.units = r.families[words[1]].sizes[words[2]]
		if r.units == 0 {
			err = fmt.Errorf("%s has no size %s", words[1], words[2])
		}
	case words[0] == "type" && len(words) == 2:
		r.name, r.units = words[1], 0
	case len(words)%2 == 0 && r.name != "":
		for i := 0; i < len(words) && err == nil; i += 2 {
			err = r.price(words[i], words[i+1])
		}
	default:
		err = fmt.Errorf("cannot read %q", words)
	}
	return err
}

func (r *reader) family(name, decimals string, sizes []string) (err error) {
	f := family{sizes: map[string]float64{}}
	if f.decimals, err = strconv.Atoi(decimals); err != nil {
		return err
	}
	for _, size := range sizes {
		size, like, alias := strings.Cut(size, "=")
		if !alias {
			like = size
		}
		if f.sizes[size], err = unitsOf(like); err != nil {
			return err
		}
	}
	r.families[name] = f
	return nil
}

// unitsOf is how many times a large one such a size is.
func unitsOf(size string) (float64, error) {
	switch size {
	case "nano":
		return 1.0 / 16, nil
	case "micro":
		return 1.0 / 8, nil
	case "small":
		return 1.0 / 4, nil
	case "medium":
		return 1.0 / 2, nil
	case "large":
		return 1, nil
	case "xlarge":
		return 2, nil
	}
	number, ok := strings.CutSuffix(size, "xlarge")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 2 {
		return 0, fmt.Errorf("no size is called %q", size)
	}
	return 2 * float64(n), nil
}

// price takes in what the base of a family, or a type, costs in a region.
func (r *reader) price(region, amount string) error {
	usd, err := strconv.ParseFloat(amount, 64)
	if err != nil || !(usd > 0) {
		return fmt.Errorf("%s costs %q in %s", r.name, amount, region)
	}
	if r.units == 0 {
		r.hourly[place{region, r.name}] = usd
		return nil
	}
	f := r.families[r.name]
	for size, units := range f.sizes {
		r.hourly[place{region, r.name + "." + size}] = round(usd*units/r.units, f.decimals)
	}
	return nil
}

// round rounds half up, as the sources do; a half may come out of the division a little too small.
func round(usd float64, decimals int) float64 {
	scale := math.Pow10(decimals)
	return math.Floor(usd*scale+0.5+1e-6) / scale
}
