package miner

import (
	"math"
	"strconv"
	"testing"
)

// checkCounter compares some steps with strconv, as far as 64 bits go.
func checkCounter(t *testing.T, start, stride uint64, steps int, block string) {
	t.Helper()
	for _, suffix := range []bool{false, true} {
		checkCounterIn(t, newCounter(block, suffix), start, stride, steps, block, suffix)
	}
}

func checkCounterIn(t *testing.T, c *counter, start, stride uint64, steps int, block string, suffix bool) {
	t.Helper()
	c.set(math.MaxUint64, math.MaxUint64) // whatever stood there before must not matter
	c.set(start, stride)
	for n := start; ; n += stride {
		want := strconv.FormatUint(n, 10) + block
		if suffix {
			want = block + strconv.FormatUint(n, 10)
		}
		if got := string(c.text()); got != want {
			t.Fatalf("from %d by %d: got %q, want %q", start, stride, got, want)
		}
		if steps == 0 || math.MaxUint64-n < stride {
			break
		}
		steps--
		c.step()
	}
	c.step() // one step beyond must be harmless
}

func TestCounterAtBoundaries(t *testing.T) {
	t.Parallel()
	for _, boundary := range []uint64{
		0, 9, 10, 99, 100, 99_999, 100_000, math.MaxUint32, math.MaxUint32 + 1,
		9_999_999_999_999_999_999, math.MaxUint64 - 20, math.MaxUint64,
	} {
		for _, stride := range []uint64{1, 2, 7, 8, 9, 10, 11, 99, 100, 101, 999, 12345, math.MaxUint64} {
			checkCounter(t, boundary-min(boundary, 3*stride), stride, 8, DefaultBlock)
			checkCounter(t, boundary-min(boundary, 12), stride, 30, "")
		}
	}
}

func FuzzCounter(f *testing.F) {
	f.Add(uint64(9), uint64(1), uint16(3), "x")
	f.Add(uint64(99_990), uint64(8), uint16(30), DefaultBlock)
	f.Add(uint64(math.MaxUint64-1), uint64(1), uint16(3), "9")
	f.Fuzz(func(t *testing.T, start, stride uint64, steps uint16, block string) {
		checkCounter(t, start, max(stride, 1), int(steps), block)
	})
}
