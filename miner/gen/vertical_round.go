package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rounds does the 64 rounds of a block on v.s (FIPS 180-4, §6.2.2 step 3). W+K of a round is what
// the function leaves in t[0].
func (v *vertical) rounds(word func(t int)) {
	s := v.s
	same, other := v.t[6], v.t[7] // b^c, which the round before knew as a^b
	if !v.wide {
		VPXOR(s[1], s[2], same)
	}
	for t := range 64 {
		a, b, c, d, e, f, g, h := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
		word(t)
		VPADDD(v.t[0], h, h)
		v.sigma(e, 6, 11, 25, false)
		VPADDD(v.t[1], h, h)
		v.choose(e, f, g)
		VPADDD(v.t[1], h, h)
		VPADDD(h, d, d)
		v.sigma(a, 2, 13, 22, false)
		VPADDD(v.t[1], h, h)
		v.majority(a, b, c, same, other)
		same, other = other, same
		VPADDD(v.t[1], h, h)
		s = [8]reg.VecPhysical{h, a, b, c, d, e, f, g}
	}
	// 64 rounds bring the names back to where they were.
}

// sigma leaves the xor of three rotations of x in t[1]; the last may be a shift.
func (v *vertical) sigma(x reg.VecPhysical, r1, r2, r3 int, shift bool) {
	sum, t := v.t[1], v.t[2]
	if v.wide {
		VPRORD(U8(r1), x, sum)
		VPRORD(U8(r2), x, t)
		if shift {
			VPSRLD(U8(r3), x, v.t[3])
		} else {
			VPRORD(U8(r3), x, v.t[3])
		}
		VPTERNLOGD(U8(0x96), v.t[3], t, sum)
		return
	}
	VPSRLD(U8(r1), x, sum)
	for _, r := range []int{32 - r1, r2, 32 - r2, r3, 32 - r3} {
		switch {
		case r == 32-r3 && shift:
			continue
		case r == r2 || r == r3:
			VPSRLD(U8(r), x, t)
		default:
			VPSLLD(U8(r), x, t)
		}
		VPXOR(t, sum, sum)
	}
}

// choose leaves f where e has ones, else g, in t[1].
func (v *vertical) choose(e, f, g reg.VecPhysical) {
	t := v.t[1]
	if v.wide {
		v.move(e, t)
		VPTERNLOGD(U8(0xca), g, f, t)
		return
	}
	VPXOR(f, g, t)
	VPAND(e, t, t)
	VPXOR(g, t, t)
}

// majority leaves the majority of a, b and c in t[1]: b, unless a and c agree against it. With
// AVX2, bc is b^c, and a^b is left in ab.
func (v *vertical) majority(a, b, c, bc, ab reg.VecPhysical) {
	t := v.t[1]
	if v.wide {
		v.move(a, t)
		VPTERNLOGD(U8(0xe8), c, b, t)
		return
	}
	VPXOR(a, b, ab)
	VPAND(ab, bc, t)
	VPXOR(b, t, t)
}

// scheduled makes the W+K of a block whose 16 words are in registers, or in the context: there
// its schedule overwrites ctxSched, whose words may be the block's.
func (v *vertical) scheduled(block int) func(t int) {
	return func(t int) {
		sum := v.t[0]
		if t < 16 {
			VPBROADCASTD(v.tables.k.Offset(4*t), sum)
			VPADDD(v.word(block, t), sum, sum)
			return
		}
		v.sigma(v.load(block, t-15, v.t[4]), 7, 18, 3, true)
		VPADDD(v.word(block, t-16), v.t[1], sum)
		VPADDD(v.word(block, t-7), sum, sum)
		v.sigma(v.load(block, t-2, v.t[4]), 17, 19, 10, true)
		if v.wide {
			VPADDD(v.t[1], sum, v.w[t%16])
			VPBROADCASTD(v.tables.k.Offset(4*t), sum)
			VPADDD(v.w[t%16], sum, sum)
			return
		}
		VPADDD(v.t[1], sum, sum)
		v.move(sum, v.word(block, t))
		VPBROADCASTD(v.tables.k.Offset(4*t), v.t[1])
		VPADDD(v.t[1], sum, sum)
	}
}

// word is where W of a round is.
func (v *vertical) word(block, t int) Op {
	switch {
	case v.wide:
		return v.w[t%16]
	case t < 16:
		return v.at(block + t)
	}
	return v.at(ctxSched + t%16)
}

// load is a register with W of a round: to, unless it is in one already.
func (v *vertical) load(block, t int, to reg.VecPhysical) reg.VecPhysical {
	if v.wide {
		return v.w[t%16]
	}
	v.move(v.word(block, t), to)
	return to
}

// hexText makes the second block from the digest in v.s: two words of hex for each of its words.
func (v *vertical) hexText() {
	Comment("the digest in hex")
	upper, lower, even, odd, digits, x, y := v.t[0], v.t[1], v.t[2], v.t[3], v.t[4], v.t[5], v.t[6]
	v.broadcast(v.tables.upper, upper)
	v.broadcast(v.tables.lower, lower)
	v.broadcast(v.tables.even, even)
	v.broadcast(v.tables.odd, odd)
	v.broadcast(v.tables.digits, digits)
	for i, s := range v.s {
		for half, bytes := range []reg.VecPhysical{upper, lower} {
			VPSHUFB(bytes, s, x) // every byte twice
			VPSRLD(U8(4), x, y)
			v.and(even, x)
			v.and(odd, y)
			VPADDD(y, x, x) // disjoint bits
			v.text(2*i+half, digits, x)
		}
	}
}

func (v *vertical) and(mask, x reg.VecPhysical) {
	if v.wide {
		VPANDD(mask, x, x)
	} else {
		VPAND(mask, x, x)
	}
}

// text looks a word's digits up and makes it part of the second block.
func (v *vertical) text(word int, digits, nibbles reg.VecPhysical) {
	if v.wide {
		VPSHUFB(nibbles, digits, v.w[word])
		return
	}
	VPSHUFB(nibbles, digits, nibbles)
	v.move(nibbles, v.at(ctxSched+word))
}

// rawText makes the second block from the digest's words, the end mark and the length.
func (v *vertical) rawText() {
	Comment("the digest's words")
	for i := range 16 {
		var from Op
		if i < 8 {
			from = v.s[i]
		} else {
			from = v.t[0]
			VPBROADCASTD(v.tables.rawTail.Offset(4*(i-8)), v.t[0])
		}
		if v.wide {
			v.move(from, v.w[i])
		} else {
			v.move(from, v.at(ctxSched+i))
		}
	}
}

// broadcast fills a vector with 16 bytes.
func (v *vertical) broadcast(table Mem, to reg.VecPhysical) {
	if v.wide {
		VBROADCASTI32X4(table, to)
	} else {
		VBROADCASTI128(table, to)
	}
}
