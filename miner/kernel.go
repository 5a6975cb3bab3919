package miner

import (
	"fmt"
	"strings"
	"time"
)

//go:generate go -C gen run . -pkg miner -out ../assembly_amd64.s -stubs ../assembly_amd64.go
//go:generate go -C gen run . -arm64 ../assembly_arm64.s

// A kernel tests nonces for one puzzle. It belongs to one goroutine.
type kernel interface {
	// search tests first, first+stride, … (n of them, at least one; none above 2^64-1) in this
	// order up to the first golden one, and returns how many come before it: n if none is golden.
	search(first, stride, n uint64) (before uint64)
}

// Kernel is a way of hashing that this build has.
type Kernel struct {
	Name   string
	About  string // what it is, in a few words
	Usable bool   // this processor can run it

	// batch is how many nonces one call may be asked for: assembly cannot be interrupted, so a
	// call stays under a millisecond, or a stop would wait.
	batch uint64
	open  func(Puzzle) kernel
}

// genericBatch takes 10 ms on the slowest processors that Go runs on.
const genericBatch = 1_000

// batchFor is the batch for nonces so far apart: less where the generic kernel may have to help.
func (k Kernel) batchFor(p Puzzle, stride uint64) uint64 {
	if _, fits := newMessage(p, maxDigits); stride != 1 || !fits {
		return min(k.batch, genericBatch)
	}
	return k.batch
}

// Kernels lists those of this build, the fastest first; the last one runs everywhere.
func Kernels() []Kernel {
	return append(processorKernels(), Kernel{
		Name:   "generic",
		About:  "crypto/sha256 of the Go library",
		Usable: true,
		batch:  genericBatch,
		open:   func(p Puzzle) kernel { return newGeneric(p) },
	})
}

// chooseKernel finds the kernel with a name, or the fastest for the empty name, among those that
// run here and agree with the generic one about the puzzle.
func chooseKernel(name string, p Puzzle) (Kernel, error) {
	if name == "" {
		return fastestKernel(p), nil
	}
	var names []string
	for _, k := range Kernels() {
		switch {
		case k.Name != name:
			names = append(names, k.Name)
		case !k.Usable:
			return k, fmt.Errorf("kernel %s: this processor lacks its instructions; leave --kernel out to get the fastest that works", name)
		case !k.agrees(p):
			return k, fmt.Errorf("kernel %s fails its self-test on this machine; leave --kernel out to get the fastest that works", name)
		default:
			return k, nil
		}
	}
	return Kernel{}, fmt.Errorf("kernel %q: choose %s", name, strings.Join(names, ", "))
}

// fastestKernel is the first of those that work here, or a later one that wins every contest, in a
// few milliseconds: which one is faster differs between processors that have the same
// instructions, and it shall matter little who else uses the machine meanwhile.
func fastestKernel(p Puzzle) Kernel {
	const contests, apart = 3, 2 * time.Millisecond
	var able []Kernel
	for _, k := range Kernels() {
		if k.Usable && k.agrees(p) {
			able = append(able, k)
		}
	}
	if len(able) > 1 {
		able = able[:len(able)-1] // generic is for those who have no other
	}
	best := 0
	for range contests {
		if best = contest(able, p); best == 0 {
			break
		}
		time.Sleep(apart)
	}
	return able[best]
}

// contest gives the number of the fastest kernel, or an earlier one that is nearly as fast. They
// take turns, and their best moments count.
func contest(kernels []Kernel, p Puzzle) (best int) {
	const rounds, clearly = 12, 1.15
	rates, tries := make([]float64, len(kernels)), make([]func() float64, len(kernels))
	for i, k := range kernels {
		tries[i] = k.try(p)
	}
	for range rounds {
		for i, try := range tries {
			rates[i] = max(rates[i], try())
		}
	}
	for i, rate := range rates {
		if rate > clearly*rates[best] {
			best = i
		}
	}
	return best
}

// try is a function that gives the rate over less than 0.1 ms.
func (k Kernel) try(p Puzzle) func() float64 {
	const n = 500
	p.Bits = MaxBits
	tested := k.open(p)
	first := uint64(1_000_000_000)
	tested.search(first, 1, 1) // which prepares
	return func() float64 {
		first += n
		started := time.Now()
		tested.search(first, 1, n)
		return Rate(n, time.Since(started))
	}
}

// selfTests are places where numbers grow, carry, or end.
var selfTests = []struct{ first, n uint64 }{
	{0, 230},
	{950, 150},
	{9_870, 260},
	{99_999 - 120, 350},
	{123_456_789, 40},
	{1<<32 - 60, 120},
	{1<<64 - 80, 80},
}

// agrees compares a kernel with the generic one, in about 2 ms: a processor or an emulator that
// gets an instruction wrong costs speed, not answers. The puzzle is made easy, so that there are
// answers to compare; how hard it is only enters a mask.
func (k Kernel) agrees(p Puzzle) bool {
	p.Bits = 5
	tested, reference := k.open(p), newGeneric(p)
	for _, test := range selfTests {
		for first, n := test.first, test.n; n > 0; {
			want := reference.search(first, 1, n)
			if tested.search(first, 1, n) != want {
				return false
			}
			passed := min(want+1, n)
			first, n = first+passed, n-passed
		}
	}
	return true
}
