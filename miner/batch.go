package miner

// engine is a processor's way of hashing runs of nonces of one length.
type engine interface {
	// open prepares for messages of another number of digits.
	open(m message)
	// run tests n nonces from first, as far as the first whose hash has none of the bits of mask
	// in its first 32, and returns how many come before it. All of them have the digits that open
	// was told, and differ in the last four of these at most.
	run(first, n uint64, mask uint32) (before uint64)
}

// batches is a kernel made from an engine: it cuts what is to be searched into runs, gives what
// the engine cannot do to the generic kernel, and checks with crypto/sha256 what it finds.
type batches struct {
	puzzle  Puzzle
	engine  engine
	generic *generic
	least   int    // digits that the engine needs
	mask    uint32 // bits of the hash's first word that have to be zero
	digits  int    // of the message that is open
	fits    bool   // the engine can do it
}

func newBatches(p Puzzle, e engine, least int) *batches {
	return &batches{
		puzzle: p, engine: e, generic: newGeneric(p), least: least,
		mask: ^uint32(0) << (32 - min(p.Bits, 32)),
	}
}

func (b *batches) search(first, stride, n uint64) uint64 {
	if stride != 1 {
		return b.generic.search(first, stride, n)
	}
	for done := uint64(0); done < n; {
		length, fast := b.prepare(first+done, n-done)
		before := b.run(first+done, length, fast)
		done += before
		if before < length {
			return done
		}
	}
	return n
}

// prepare says how many nonces from first can be done in the same way, and whether the engine can.
// It makes the engine ready.
func (b *batches) prepare(first, n uint64) (length uint64, fast bool) {
	digits := countDigits(first)
	if power, ok := powerOfTen(digits); ok {
		n = min(n, power-first)
	}
	if digits < b.least {
		return n, false
	}
	if digits != b.digits {
		m, ok := newMessage(b.puzzle, digits)
		if ok {
			b.engine.open(m)
		}
		b.digits, b.fits = digits, ok
	}
	return min(n, ChunkUnit-first%ChunkUnit), b.fits
}

// run is a search of nonces that prepare said can be done at once.
func (b *batches) run(first, n uint64, fast bool) uint64 {
	if !fast {
		return b.generic.search(first, 1, n)
	}
	for done := uint64(0); ; done++ {
		done += b.engine.run(first+done, n-done, b.mask)
		if done >= n {
			return n
		}
		if b.puzzle.Golden(first + done) {
			return done
		}
		if done+1 == n {
			return n
		}
	}
}
