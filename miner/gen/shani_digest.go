package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// digest ends the message's compression in stream 1 and starts that of the digest.
func (s *shani) digest() {
	Comment("the digest, and what is hashed of it")
	a, c := s.stream[1][0], s.stream[1][1]
	PADDD(s.at(ctxMid), a)
	PADDD(s.at(ctxMid+16), c)
	if s.raw {
		s.rawText(a, c)
	} else {
		s.hexText(a, 0)
		s.hexText(c, 1)
	}
	MOVO(s.tables.iv, a)
	MOVO(s.tables.iv.Offset(16), c)
}

// hexText turns half of a digest into groups g and g+2 of the text's words. The order of the
// bytes is changed first, so that interleaving their low and high halves gives the words.
func (s *shani) hexText(v reg.VecPhysical, g int) {
	high, text := s.t[0], s.t[1]
	PSHUFB(s.tables.order, v)
	MOVO(v, high)
	PSRLW(U8(4), high)
	PAND(s.tables.nibble, v)
	PAND(s.tables.nibble, high)
	MOVO(v, text)
	PUNPCKLBW(high, text)
	PUNPCKHBW(high, v)
	for i, nibbles := range []reg.VecPhysical{text, v} {
		MOVO(s.tables.digits, s.t[2])
		PSHUFB(nibbles, s.t[2])
		s.text(g+2*i, s.t[2])
	}
}

// text stores four words of the second compression's block.
func (s *shani) text(group int, w reg.VecPhysical) {
	MOVO(w, s.at(ctxW2+16*group))
	if group == 3 {
		MOVO(w, s.w[1][1]) // the schedule goes on from here
	}
}

// rawText puts a digest's words in order, and behind them the end mark and the length.
func (s *shani) rawText(a, c reg.VecPhysical) {
	PSHUFD(U8(0x1b), a, s.t[0])
	PSHUFD(U8(0x1b), c, s.t[1])
	MOVO(s.t[0], s.t[2])
	PUNPCKLQDQ(s.t[1], s.t[0])
	PUNPCKHQDQ(s.t[1], s.t[2])
	s.text(0, s.t[0])
	s.text(1, s.t[2])
	for i := range 2 {
		MOVO(s.tables.rawTail.Offset(16*i), s.t[i])
		s.text(2+i, s.t[i])
	}
}

// chain ends the text's compression in stream 2 and starts that of the padding. Of a raw digest
// this was the last one: half of its final state is left in t[0].
func (s *shani) chain() {
	a, c := s.stream[2][0], s.stream[2][1]
	PADDD(s.tables.iv, a)
	if s.raw {
		MOVO(a, s.at(ctxNext))
		return
	}
	PADDD(s.tables.iv.Offset(16), c)
	MOVO(a, s.at(ctxNext))
}
