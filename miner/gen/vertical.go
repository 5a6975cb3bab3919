package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The kernels that hash as many neighbouring nonces side by side as a vector has 32-bit lanes:
// AVX2 eight, AVX-512 sixteen. SHA-256 is written as in FIPS 180-4, with a vector for each word.
//
// Of the message, the last four digits are the lanes' own: they come from a table of the numbers
// 0000 to 9999 as text, and are shifted to where they belong, across two words at most.
//
// AVX-512 has rotations, functions of three operands, and registers for the whole schedule; AVX2
// makes do with shifts, and keeps the schedule in the context.

// The context, verticalContext in vertical_amd64.go, in vectors and then in bytes behind them.
const (
	ctxState = 0  // 8: the state before the message's block
	ctxWords = 8  // 16: the message
	ctxSched = 24 // 16: its schedule, or the second block and its schedule
	ctxBase  = 40 // 2: the words with the last four digits, without these
	ctxFirst = 42 // 1: the first word of the state before the padding

	ctxShift = 0  // bits by which the digits are shifted right in the first of their words
	ctxOther = 16 // and left in the second
	ctxAt    = 32 // how far behind the message's first word theirs are
	ctxTail  = 43 // vectors before these
)

// vertical is the generator's state.
type vertical struct {
	wide   bool
	size   int // of a vector, in bytes
	ctx    reg.GPPhysical
	s      [8]reg.VecPhysical // a to h
	t      [8]reg.VecPhysical // free
	w      []reg.VecPhysical  // the schedule, if there are registers for it
	tables verticalTables
}

type verticalTables struct{ k, padding, iv, rawTail, upper, lower, even, odd, digits Mem }

func verticalKernel(name string, wide, raw bool, tb verticalTables) {
	v := &vertical{wide: wide, size: 32, ctx: reg.RDI, tables: tb}
	all := []reg.VecPhysical{
		reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
		reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
	}
	if wide {
		v.size = 64
		all = []reg.VecPhysical{
			reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
			reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
			reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
			reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
		}
		v.w = all[16:]
	}
	copy(v.s[:], all)
	copy(v.t[:], all[8:])

	TEXT(name, NOSPLIT, "func(ctx *byte, low *uint32, n uint64, mask uint32) (before uint64)")
	Pragma("noescape")
	Doc(name+" tests n nonces, the text of whose last four digits is at low, up to the first whose hash",
		"has none of the mask's bits in its first word, and returns how many come before it.")
	low, n, done := reg.RSI, reg.RCX, reg.R8
	Load(Param("ctx"), v.ctx)
	Load(Param("low"), low)
	Load(Param("n"), n)
	XORQ(done, done)

	Label("group")
	v.message(low)
	v.compressMessage()
	if raw {
		v.rawText()
	} else {
		v.hexText()
	}
	v.compressText()
	if !raw {
		v.compressPadding()
	}
	v.decide()
	JNZ(LabelRef("golden"))
	Label("next")
	ADDQ(U8(v.size), low)
	ADDQ(U8(v.size/4), done)
	CMPQ(done, n)
	JLT(LabelRef("group"))
	Label("none")
	VZEROUPPER()
	Store(n, ReturnIndex(0))
	RET()

	Label("golden")
	BSFL(reg.EAX, reg.EAX)
	ADDQ(reg.RAX, done)
	CMPQ(done, n)
	JGE(LabelRef("none"))
	VZEROUPPER()
	Store(done, ReturnIndex(0))
	RET()
}

// at is a vector of the context.
func (v *vertical) at(vector int) Mem { return Mem{Base: v.ctx, Disp: v.size * vector} }

// message puts the last four digits into the words of the message.
func (v *vertical) message(low reg.Register) {
	Comment("the last four digits")
	tail := v.at(ctxTail)
	MOVQ(tail.Offset(ctxAt), reg.RAX)
	first := Mem{Base: v.ctx, Index: reg.RAX, Scale: 1, Disp: v.size * ctxWords}
	a, b := v.t[0], v.t[1]
	v.move(Mem{Base: low}, a)
	VPSLLD(tail.Offset(ctxOther), a, b)
	VPSRLD(tail.Offset(ctxShift), a, a)
	VPADDD(v.at(ctxBase), a, a) // disjoint bits
	VPADDD(v.at(ctxBase+1), b, b)
	v.move(a, first)
	v.move(b, first.Offset(v.size))
}

func (v *vertical) compressMessage() {
	Comment("the message")
	for i, s := range v.s {
		v.move(v.at(ctxState+i), s)
	}
	for i, w := range v.w {
		v.move(v.at(ctxWords+i), w)
	}
	v.rounds(v.scheduled(ctxWords))
	for i, s := range v.s {
		VPADDD(v.at(ctxState+i), s, s)
	}
}

func (v *vertical) compressText() {
	Comment("the digest")
	for i, s := range v.s {
		VPBROADCASTD(v.tables.iv.Offset(4*i), s)
	}
	v.rounds(v.scheduled(ctxSched))
	for i, s := range v.s {
		VPBROADCASTD(v.tables.iv.Offset(4*i), v.t[0])
		VPADDD(v.t[0], s, s)
	}
}

func (v *vertical) compressPadding() {
	Comment("the padding")
	v.move(v.s[0], v.at(ctxFirst))
	v.rounds(func(t int) { VPBROADCASTD(v.tables.padding.Offset(4*t), v.t[0]) })
	VPADDD(v.at(ctxFirst), v.s[0], v.s[0])
}

// decide leaves a bit in EAX for every lane whose first word has none of the mask's bits.
func (v *vertical) decide() {
	Comment("decide")
	Load(Param("mask"), reg.EAX)
	VMOVD(reg.EAX, reg.X8)
	VPBROADCASTD(reg.X8, v.t[0])
	if v.wide {
		VPTESTNMD(v.t[0], v.s[0], reg.K1)
		KMOVW(reg.K1, reg.EAX)
	} else {
		VPAND(v.t[0], v.s[0], v.t[0])
		VPXOR(v.t[1], v.t[1], v.t[1])
		VPCMPEQD(v.t[0], v.t[1], v.t[1])
		VMOVMSKPS(v.t[1], reg.EAX)
	}
	TESTL(reg.EAX, reg.EAX)
}

func (v *vertical) move(from, to Op) {
	if v.wide {
		VMOVDQU32(from, to)
	} else {
		VMOVDQU(from, to)
	}
}
