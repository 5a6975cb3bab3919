package main

import (
	"fmt"
	"io"
	"time"

	"github.com/gofab/gofab/miner"
)

// listKernels writes a line for each kernel of this build: its name, its rate on one thread with
// the default puzzle (or why there is none), and what it is.
func listKernels(w io.Writer) error {
	puzzle := miner.Puzzle{Block: miner.DefaultBlock, Bits: miner.MaxBits}
	for _, k := range miner.Kernels() {
		rate := "not here"
		if k.Usable {
			const while = 300 * time.Millisecond
			rate = rateText(uint64(k.Measure(puzzle, 1, while)), time.Second)
		}
		if _, err := fmt.Fprintf(w, "%-12s %10s  %s\n", k.Name, rate, k.About); err != nil {
			return err
		}
	}
	return nil
}
