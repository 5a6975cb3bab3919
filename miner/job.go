// Package miner searches for golden nonces.
//
// A nonce is golden when its hash begins with so many zero bits. The hash is a double SHA-256: of
// the nonce in decimal and a block, one behind the other, and again of the first hash or of its
// hex text. A Puzzle says which of these.
//
// A Job says what one of several hosts has to search of a range, so that the hosts together test
// each nonce exactly once without ever talking to each other: chunks of neighbouring nonces, dealt
// in turn. A Search deals that share out to threads, lowest first, and remembers as intervals what
// has been tested. The hashing itself stands behind the kernel interface; which kernel is used
// depends on the processor, and what it finds is believed only after crypto/sha256 agrees.
package miner

import (
	"errors"
	"fmt"
	"math"
)

// ChunkUnit is what a chunk is a multiple of: kernels prepare ten thousand nonces at a time.
const ChunkUnit = 10_000

// Range is the nonces First to Last, both included, so that 2^64-1 can be the last one. It is
// empty when First is above Last.
type Range struct {
	First, Last uint64
}

// HalfOpen is the range first..end-1.
func HalfOpen(first, end uint64) Range {
	if end <= first {
		return Range{First: 1, Last: 0}
	}
	return Range{First: first, Last: end - 1}
}

// Job is one host's part of a search.
type Job struct {
	Puzzle
	Index uint64 // which of the hosts this is, from 0
	Count uint64 // how many hosts share the range
	Range Range
	// Chunk is how many neighbouring nonces are dealt at once, a multiple of ChunkUnit; 0 is
	// ChunkUnit. Chunks begin at multiples of it, whatever the range.
	Chunk uint64
	// ByNonce deals single nonces in turn, as the first nonce finders did: Index, Index+Count, …
	// No kernel but the generic one is good at that.
	ByNonce bool
	// Common is how many nonces, from Range.First on, every host tests itself before its share of
	// the rest (rounded up to whole chunks). An easy search then has one answer, the smallest
	// golden nonce, whichever host is first.
	Common uint64
}

// Validate reports all that is wrong with the job, joined.
func (j Job) Validate() error {
	errs := []error{j.validate()}
	switch {
	case j.Count == 0:
		errs = append(errs, errors.New("count 0: the range needs at least one host, choose a count of 1 or more"))
	case j.Index >= j.Count:
		errs = append(errs, fmt.Errorf("index %d: hosts count from 0, so with count %d choose 0 to %d", j.Index, j.Count, j.Count-1))
	}
	if j.Chunk%ChunkUnit != 0 || j.Chunk > math.MaxInt64 {
		errs = append(errs, fmt.Errorf("chunk %d: choose a multiple of %d", j.Chunk, ChunkUnit))
	}
	return errors.Join(errs...)
}

func (j Job) chunk() uint64 {
	if j.Chunk == 0 {
		return ChunkUnit
	}
	return j.Chunk
}
