// Package plan says how many machines a search needs, and what so many can hope for.
//
// Each nonce is golden with the same small probability, whatever came before, so the number of
// nonces until the first golden one is geometric; at these sizes the time until it comes is
// exponential with the rate (machines · nonces per second · probability).
package plan

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Search is a search to be planned.
type Search struct {
	Bits  float64       // zero bits at the front of a golden hash: 4 for each hex digit
	Rate  float64       // nonces per second of one machine
	Time  time.Duration // for the whole play
	Setup time.Duration // of Time, until the machines search: boot and upload
	Space float64       // nonces there are to test; 0: no end
}

// ErrHopeless is a search that no number of machines brings to the confidence asked for.
var ErrHopeless = errors.New("no number of machines will do")

// Validate reports what makes no sense.
func (s Search) Validate() error {
	switch {
	case s.Bits <= 0 || s.Bits > 256:
		return fmt.Errorf("difficulty of %v bits: a hash has 256", s.Bits)
	case s.Rate <= 0 || math.IsInf(s.Rate, 0) || math.IsNaN(s.Rate):
		return fmt.Errorf("rate of %v nonces per second: it must be above 0", s.Rate)
	case s.Time <= 0:
		return errors.New("no time limit: with time enough, one machine will do")
	}
	return nil
}

// golden is the probability that a nonce is golden.
func (s Search) golden() float64 { return math.Exp2(-s.Bits) }

// window is the time in which the machines search.
func (s Search) window() float64 { return max(0, (s.Time - s.Setup).Seconds()) }

// Chance is the probability that n machines find a golden nonce in time.
func (s Search) Chance(n int) float64 {
	tested := float64(n) * s.Rate * s.window()
	if s.Space > 0 {
		tested = min(tested, s.Space)
	}
	return -math.Expm1(tested * math.Log1p(-s.golden()))
}

// Machines is the least number that finds a golden nonce in time with at least the given
// probability: ceil(-ln(1-c) · 2^bits / (rate · time)).
func (s Search) Machines(confidence float64) (int, error) {
	if err := s.Validate(); err != nil {
		return 0, err
	}
	if confidence <= 0 || confidence >= 1 {
		return 0, fmt.Errorf("confidence %v: choose one between 0 and 1, such as 0.95", confidence)
	}
	needed := math.Log1p(-confidence) / math.Log1p(-s.golden())
	switch {
	case s.window() == 0:
		return 0, fmt.Errorf("%w: all of the %v goes by in boot and upload, which take %v", ErrHopeless, s.Time, s.Setup.Round(time.Millisecond))
	case s.Space > 0 && needed > s.Space:
		return 0, fmt.Errorf("%w: all %.4g nonces together hold a golden one with a probability of %.3g", ErrHopeless, s.Space, -math.Expm1(s.Space*math.Log1p(-s.golden())))
	}
	n := math.Ceil(needed / (s.Rate * s.window()))
	if n > math.MaxInt32 {
		return 0, fmt.Errorf("%w: it would take %.3g", ErrHopeless, n)
	}
	return max(1, int(n)), nil
}

// Expected is the mean time until the play has found a golden nonce, were there no limit.
func (s Search) Expected(n int) time.Duration { return s.after(n, 1) }

// Within is the time in which the play has found one with probability p, were there no limit.
func (s Search) Within(n int, p float64) time.Duration { return s.after(n, -math.Log1p(-p)) }

// after is the setup and so many means of the exponential distribution; the longest time there is
// when it would be longer.
func (s Search) after(n int, means float64) time.Duration {
	seconds := s.Setup.Seconds() + means/(float64(n)*s.Rate*s.golden())
	if seconds > math.MaxInt64/float64(time.Second) {
		return math.MaxInt64
	}
	return time.Duration(seconds * float64(time.Second))
}

// Rate words a number of nonces per second: 21.4 M.
func Rate(r float64) string {
	for _, unit := range []string{"", "k", "M", "G"} {
		if r < 1000 {
			return strings.TrimSpace(fmt.Sprintf("%.1f %s", r, unit))
		}
		r /= 1000
	}
	return fmt.Sprintf("%.1f T", r)
}

// ParseRate reads what Rate writes, and plain numbers: 21.4M, 350k, 1e6.
func ParseRate(text string) (float64, error) {
	text = strings.TrimSpace(text)
	factor := 1.0
	if i := strings.IndexAny(text, "kMGT"); i > 0 && i == len(text)-1 {
		factor = map[byte]float64{'k': 1e3, 'M': 1e6, 'G': 1e9, 'T': 1e12}[text[i]]
		text = strings.TrimSpace(text[:i])
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f <= 0 || math.IsInf(f, 0) {
		return 0, fmt.Errorf("write nonces per second such as 21.4M, 350k or 1e6, or a processor that was measured: %s", strings.Join(Processors(), ", "))
	}
	return f * factor, nil
}
