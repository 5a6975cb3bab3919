package miner

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestCover(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var c cover
		var member [64]bool
		base := []uint64{0, math.MaxUint64 - 63}[random.IntN(2)]
		for range random.IntN(12) {
			first := random.IntN(64)
			last := first + random.IntN(64-first)
			c.add(Interval{base + uint64(first), base + uint64(last)})
			for i := first; i <= last; i++ {
				member[i] = true
			}
		}
		checkCover(t, c, base, member[:], true)
		checkCover(t, c.gaps(Interval{base, base + 63}), base, member[:], false)
	}
}

// checkCover checks that the set has those base+i for which member[i] is want.
func checkCover(t *testing.T, c cover, base uint64, member []bool, want bool) {
	t.Helper()
	for i, in := range c {
		if in.First > in.Last || i > 0 && in.First-c[i-1].Last < 2 {
			t.Fatalf("%v is not in its normal form", c)
		}
	}
	for i, is := range member {
		n := base + uint64(i)
		has := slices.ContainsFunc(c, func(in Interval) bool { return in.First <= n && n <= in.Last })
		if has != (is == want) {
			t.Fatalf("%v: %d in it is %t", c, n, has)
		}
	}
}
