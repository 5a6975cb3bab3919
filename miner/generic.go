package miner

import (
	"crypto/sha256"
	"encoding/binary"
)

// generic is the kernel for every processor: crypto/sha256, with no allocation per nonce. It is
// also what the others turn to for nonces that they cannot do.
type generic struct {
	bits   int
	mask   uint64 // the bits of the hash's first eight bytes that have to be zero
	raw    bool
	nonce  *counter
	digest [sha256.Size]byte
	text   [2 * sha256.Size]byte // the first hash in hex
}

func newGeneric(p Puzzle) *generic {
	return &generic{
		bits:  p.Bits,
		mask:  ^uint64(0) << (64 - min(p.Bits, 64)),
		raw:   p.Scheme.Raw,
		nonce: newCounter(p.Block, p.Scheme.Suffix),
	}
}

func (g *generic) search(first, stride, n uint64) uint64 {
	g.nonce.set(first, stride)
	for before := uint64(0); ; g.nonce.step() {
		if g.golden() {
			return before
		}
		if before++; before == n {
			return n
		}
	}
}

// golden tests the nonce that the counter stands at.
func (g *generic) golden() bool {
	g.digest = sha256.Sum256(g.nonce.text())
	if g.raw {
		g.digest = sha256.Sum256(g.digest[:])
	} else {
		for i, b := range g.digest {
			binary.LittleEndian.PutUint16(g.text[2*i:], hexPairs[b])
		}
		g.digest = sha256.Sum256(g.text[:])
	}
	return binary.BigEndian.Uint64(g.digest[:])&g.mask == 0 && ZeroBits(g.digest) >= g.bits
}

// hexPairs has the two hex digits of every byte, the first digit in the low half.
var hexPairs = func() (pairs [256]uint16) {
	const digits = "0123456789abcdef"
	for b := range pairs {
		pairs[b] = uint16(digits[b>>4]) | uint16(digits[b&15])<<8
	}
	return pairs
}()
