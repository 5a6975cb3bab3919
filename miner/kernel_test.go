package miner

import (
	"math"
	"strings"
	"testing"
)

// wanted is the answer of a search by the definition.
func wanted(p Puzzle, first, stride, n uint64) (before uint64) {
	for before < n && !p.Golden(first+before*stride) {
		before++
	}
	return before
}

// checkKernel compares one search with the definition.
func checkKernel(t *testing.T, kernel Kernel, p Puzzle, first, stride, n, want uint64) {
	t.Helper()
	if got := kernel.open(p).search(first, stride, n); got != want {
		t.Errorf("%s: %+v, %d nonces from %d by %d: %d before the golden one, want %d",
			kernel.Name, p, n, first, stride, got, want)
	}
}

// eachKernel runs a test for those that run here.
func eachKernel(t *testing.T, test func(t *testing.T, kernel Kernel)) {
	t.Helper()
	for _, kernel := range Kernels() {
		t.Run(kernel.Name, func(t *testing.T) {
			t.Parallel()
			if !kernel.Usable {
				t.Skip("this processor lacks its instructions")
			}
			test(t, kernel)
		})
	}
}

// blocks are short, as usual, at the limits of what fits into one SHA-256 block with some numbers
// of digits, and longer than one.
var blocks = []string{
	"", "x", DefaultBlock, "naïve\x00",
	strings.Repeat("b", 35), strings.Repeat("b", 45), strings.Repeat("b", 50), strings.Repeat("b", 54), strings.Repeat("b", 63),
	strings.Repeat("b", 64), strings.Repeat("b", 70), strings.Repeat("c", 150),
}

func TestKernelAtBoundaries(t *testing.T) {
	t.Parallel()
	for _, search := range []struct{ first, stride, n uint64 }{
		{0, 1, 200},
		{5, 8, 60},
		{9_950, 1, 80},
		{99_990, 1, 33},
		{math.MaxUint32 - 5, 1, 20},
		{math.MaxUint32 - 5, 3, 20},
		{9_999_999_999_999_999_990, 1, 20},
		{math.MaxUint64 - 50, 1, 51},
		{math.MaxUint64, math.MaxUint64, 1},
	} {
		for _, s := range schemes {
			for _, block := range blocks {
				for _, bits := range []int{1, 4, 11, 33, 256} {
					p := Puzzle{Block: block, Scheme: s.scheme, Bits: bits}
					want := wanted(p, search.first, search.stride, search.n)
					for _, kernel := range Kernels() {
						if kernel.Usable {
							checkKernel(t, kernel, p, search.first, search.stride, search.n, want)
						}
					}
				}
			}
		}
	}
}

// A long run with hits far in, so that hundreds and ten thousands are carried inside one call.
func TestKernelFindsAllOfALongRun(t *testing.T) {
	t.Parallel()
	eachKernel(t, func(t *testing.T, kernel Kernel) {
		for _, s := range schemes {
			p := Puzzle{Block: DefaultBlock, Scheme: s.scheme, Bits: 10}
			tested, reference := kernel.open(p), newGeneric(p)
			for first, last := uint64(95_000), uint64(125_000); first < last; {
				want := reference.search(first, 1, last-first)
				if got := tested.search(first, 1, last-first); got != want {
					t.Fatalf("%v from %d: %d before the golden one, want %d", s.name, first, got, want)
				}
				first += want + 1
			}
		}
	})
}

// liar finds nothing, as if an instruction of the processor did something else.
type liar struct{}

func (liar) search(_, _, n uint64) uint64 { return n }

func TestSelfTest(t *testing.T) {
	t.Parallel()
	for _, s := range schemes {
		p := Puzzle{Block: DefaultBlock, Scheme: s.scheme, Bits: 28}
		for _, k := range Kernels() {
			if k.Usable && !k.agrees(p) {
				t.Errorf("%s disagrees about %v", k.Name, s.name)
			}
		}
		k := Kernel{Name: "liar", open: func(Puzzle) kernel { return liar{} }}
		if k.agrees(p) {
			t.Errorf("a kernel that finds nothing passes for %v", s.name)
		}
	}
}

func FuzzKernel(f *testing.F) {
	f.Add(DefaultBlock, uint8(0), uint8(8), uint64(0), uint64(1), uint16(200))
	f.Add("", uint8(1), uint8(4), uint64(99_990), uint64(7), uint16(100))
	f.Add(DefaultBlock, uint8(2), uint8(9), uint64(math.MaxUint32-50), uint64(1), uint16(100))
	f.Add(DefaultBlock, uint8(3), uint8(9), uint64(math.MaxUint64-50), uint64(1), uint16(51))
	f.Add(strings.Repeat("a", 61), uint8(2), uint8(12), uint64(99_990), uint64(1), uint16(1_100))
	f.Fuzz(func(t *testing.T, block string, scheme, bits uint8, first, stride uint64, n uint16) {
		const most = 1500 // by the definition, which is slow; TestKernelFindsAllOfALongRun goes on
		stride = max(stride, 1)
		terms := min(uint64(max(n%most, 1)), (math.MaxUint64-first)/stride+1)
		if terms == 0 { // the sum wrapped: all of 64 bits by 1
			terms = 1
		}
		p := Puzzle{block, schemes[scheme%4].scheme, int(bits) + 1}
		want := wanted(p, first, stride, terms)
		for _, kernel := range Kernels() {
			if kernel.Usable {
				checkKernel(t, kernel, p, first, stride, terms, want)
			}
		}
	})
}

func TestKernelDoesNotAllocate(t *testing.T) {
	for _, kernel := range Kernels() {
		if !kernel.Usable {
			continue
		}
		k := kernel.open(Puzzle{Block: DefaultBlock, Bits: MaxBits})
		if allocs := testing.AllocsPerRun(10, func() { k.search(201_000, 1, 2000) }); allocs > 1 {
			t.Errorf("%s: %v allocations for 2000 nonces", kernel.Name, allocs)
		}
	}
}

// One iteration is one nonce, so that ns/op is the price of a nonce.
func BenchmarkKernel(b *testing.B) {
	for _, kernel := range Kernels() {
		for _, s := range schemes {
			b.Run(kernel.Name+"/"+s.name, func(b *testing.B) {
				if !kernel.Usable {
					b.Skip("this processor lacks its instructions")
				}
				k := kernel.open(Puzzle{Block: DefaultBlock, Scheme: s.scheme, Bits: MaxBits})
				for first, left := uint64(1_000_000_000), uint64(b.N); left > 0; {
					n := min(left, kernel.batch)
					k.search(first, 1, n)
					first += n
					left -= n
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mnonce/s")
			})
		}
	}
}
