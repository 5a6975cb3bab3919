package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The kernel for processors with the SHA extensions (SHA-NI).
//
// SHA256RNDS2 does two rounds in 4 cycles, and another can begin every cycle or two: one hash
// after the other would leave the unit idle most of the time. So four nonces are under way at
// once, each in another stage of its three compressions, which are 48 groups of four rounds:
//
//	stream 0   groups  0-11 of the message
//	stream 1   groups 12-15 of the message, then 0-7 of the hex text
//	stream 2   groups  8-15 of the hex text, then 0-3 of the padding behind it
//	stream 3   groups  4-15 of the padding
//
// A turn of the loop is 12 steps; in each of them every stream does one group, and at the end of
// the turn stream i hands its nonce on to stream i+1. (If the raw digest is hashed again, there is
// no padding block: stream 2 ends after 8 steps, and there is no stream 3.)
//
// A stream is only its state, two registers. The two message schedules run apart from them, one
// group each in a step, four steps before the rounds that use it, W going through memory: groups
// 4-15 of the message in steps 0-11, those of the digest's text in steps 4-11 and 0-3. (In
// registers is only the group before, for the chain from one group to the next must be short.)
// The padding's schedule is a constant. The streams change compressions at different steps (4, 8
// and 12), so that while one of them waits for its digest to become hex, the others have rounds
// to do.
//
// The pipeline lags: a nonce that enters in one turn is decided 3 turns (raw: 2) later. So n
// nonces take n+3 turns, and the first three decisions are about nothing. The message of the next
// nonce is put together during the turn before.
//
// Everything is in the SSE encoding, for which memory operands must be aligned to 16 bytes: the
// context is, and the linker aligns the tables.

// The context, pipelineContext in pipeline.go.
const (
	ctxMid   = 0   // the state before the message's block: ABEF, CDGH
	ctxW1    = 32  // schedule of the message
	ctxW2    = 288 // schedule of the hex text or raw digest
	ctxChain = 544 // ABEF of stream 3 before the padding
	ctxNext  = 560 // ABEF that stream 3 will get
	ctxLow   = 576 // 100 blocks: zero but for the last two digits
	ctxHigh  = ctxLow + 100*64
)

// shani is the generator's state: which registers are what.
type shani struct {
	raw    bool
	ctx    reg.GPPhysical
	low    reg.GPPhysical        // the block with the last two digits
	high   reg.GPPhysical        // the block with all others
	stream [4][2]reg.VecPhysical // ABEF, CDGH
	w      [2][2]reg.VecPhysical // of each schedule, the last even and the last odd group
	t      [3]reg.VecPhysical    // free
	tables tables
}

type tables struct{ k, padding, pairs, iv, order, nibble, digits, rawTail Mem }

func shaniKernel(name string, raw bool, tb tables) {
	s := &shani{
		raw:    raw,
		ctx:    reg.RDI,
		low:    reg.RSI,
		high:   reg.R9,
		stream: [4][2]reg.VecPhysical{{reg.X1, reg.X2}, {reg.X3, reg.X4}, {reg.X5, reg.X6}, {reg.X7, reg.X8}},
		w:      [2][2]reg.VecPhysical{{reg.X9, reg.X10}, {reg.X11, reg.X12}},
		t:      [3]reg.VecPhysical{reg.X13, reg.X14, reg.X15},
		tables: tb,
	}
	TEXT(name, NOSPLIT, "func(ctx *byte, low, n uint64, mask uint32) (before uint64)")
	Pragma("noescape")
	Doc(name+" tests n nonces from the one with the last two digits low in ctx, up to the first whose",
		"hash has none of the mask's bits in its first word, and returns how many come before it.")
	left, mask, lag := reg.RCX, reg.R10L, uint64(3)
	if raw {
		lag = 2
	}
	Load(Param("ctx"), s.ctx)
	Load(Param("low"), s.low)
	Load(Param("n"), left)
	Load(Param("mask"), mask)
	Comment("the last two digits, and all before them")
	SHLQ(U8(6), s.low)
	LEAQ(Mem{Base: s.ctx, Index: s.low, Scale: 1, Disp: ctxLow}, s.low)
	LEAQ(s.at(ctxHigh), s.high)
	Comment("turns, with those that empty the pipeline")
	ADDQ(U8(lag), left)
	MOVQ(left, reg.R11)
	s.enter()

	Label("turn")
	MOVO(s.at(ctxMid), s.stream[0][0])
	MOVO(s.at(ctxMid+16), s.stream[0][1])
	for step := range 12 {
		s.step(step)
	}
	s.handOn()
	Comment("decide")
	PEXTRD(U8(3), s.t[0], reg.EAX)
	TESTL(reg.EAX, mask)
	JZ(LabelRef("golden"))
	Label("next")
	DECQ(left)
	JNZ(LabelRef("turn"))
	Comment("none")
	SUBQ(U8(lag), reg.R11)
	Store(reg.R11, ReturnIndex(0))
	RET()

	Label("golden")
	Comment("a nonce, or what lay in the registers when the pipeline began to fill?")
	MOVQ(reg.R11, reg.RAX)
	SUBQ(left, reg.RAX)
	SUBQ(U8(lag), reg.RAX)
	JLT(LabelRef("next"))
	Store(reg.RAX, ReturnIndex(0))
	RET()
}

func (s *shani) at(offset int) Mem { return Mem{Base: s.ctx, Disp: offset} }

// enter puts the message of the next nonce together.
func (s *shani) enter() {
	Comment("a nonce enters; the next one has the next low digits, after 99 the next high ones")
	for i := range 4 {
		w := s.t[i%3]
		if i == 3 {
			w = s.w[0][1] // the schedule goes on from here
		}
		MOVO(Mem{Base: s.high, Disp: 16 * i}, w)
		POR(Mem{Base: s.low, Disp: 16 * i}, w)
		MOVO(w, s.at(ctxW1+16*i))
	}
	ADDQ(U8(64), s.low)
	LEAQ(s.at(ctxLow), reg.RAX)
	LEAQ(Mem{Base: s.high, Disp: 64}, reg.RDX)
	LEAQ(s.at(ctxHigh), reg.R8)
	CMPQ(s.low, reg.R8)
	CMOVQEQ(reg.RAX, s.low)
	CMOVQEQ(reg.RDX, s.high)
}

// step does a group of every stream and of both schedules, interleaved.
func (s *shani) step(step int) {
	Commentf("step %d", step)
	for half := range 2 {
		for i := range s.stream {
			s.rounds(i, half, s.group(i, step))
		}
		if half == 0 {
			s.schedule(0, ctxW1, 4+step)
		} else {
			s.schedule(1, ctxW2, 4+(step+8)%12)
		}
	}
	switch step {
	case 3:
		s.digest()
	case 7:
		s.chain()
	case 11:
		s.enter()
	}
}

// words is where four words of a schedule are; they lack the round constants, unless they are in
// a table with them: there two words stand at the front of each 16 bytes, as the rounds take them.
type words struct {
	w, k Mem
	both bool
	none bool // the stream rests
}

// group is what a stream takes in a step.
func (s *shani) group(stream, step int) words {
	message := func(g int) words { return words{w: s.at(ctxW1 + 16*g), k: s.tables.k.Offset(16 * g)} }
	text := func(g int) words { return words{w: s.at(ctxW2 + 16*g), k: s.tables.k.Offset(16 * g)} }
	padding := func(g int) words { return words{w: s.tables.pairs.Offset(32 * g), both: true, none: s.raw} }
	switch {
	case stream == 0:
		return message(step)
	case stream == 1 && step < 4:
		return message(step + 12)
	case stream == 1:
		return text(step - 4)
	case stream == 2 && step < 8:
		return text(step + 8)
	case stream == 2:
		return padding(step - 8)
	}
	return padding(step + 4)
}

// rounds does the first or the second two rounds of a group.
func (s *shani) rounds(stream, half int, from words) {
	if from.none {
		return
	}
	a, c := s.stream[stream][0], s.stream[stream][1]
	switch {
	case half == 0 && from.both:
		MOVO(from.w, reg.X0)
	case half == 0:
		MOVO(from.w, reg.X0)
		PADDD(from.k, reg.X0)
		PSHUFD(U8(0x0e), reg.X0, s.t[stream])
	case from.both:
		MOVO(from.w.Offset(16), reg.X0)
	default:
		MOVO(s.t[stream], reg.X0)
	}
	if half == 0 {
		SHA256RNDS2(reg.X0, a, c)
	} else {
		SHA256RNDS2(reg.X0, c, a)
	}
}

// schedule makes the next four words of a message schedule (FIPS 180-4, §6.2.2 step 1).
func (s *shani) schedule(which, area, group int) {
	w, last, t := s.w[which][group%2], s.w[which][1-group%2], reg.X0
	back := func(n int) Mem { return s.at(area + 16*(group-n)) }
	MOVO(last, t)
	PALIGNR(U8(4), back(2), t)
	MOVO(back(4), w)
	SHA256MSG1(back(3), w)
	PADDD(t, w)
	SHA256MSG2(last, w)
	MOVO(w, s.at(area+16*group))
}

// handOn leaves half of the final state in t[0] and moves the streams on.
func (s *shani) handOn() {
	Comment("the end of one nonce; the others move on")
	if s.raw {
		MOVO(s.at(ctxNext), s.t[0])
	} else {
		MOVO(s.stream[3][0], s.t[0])
		PADDD(s.at(ctxChain), s.t[0])
		MOVO(s.at(ctxNext), s.t[1])
		MOVO(s.t[1], s.at(ctxChain))
		s.move(2, 3)
	}
	s.move(1, 2)
	s.move(0, 1)
}

func (s *shani) move(from, to int) {
	MOVO(s.stream[from][0], s.stream[to][0])
	MOVO(s.stream[from][1], s.stream[to][1])
}
