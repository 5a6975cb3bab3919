//go:build amd64 || arm64

package miner

import (
	"strconv"
	"unsafe"
)

// pipelineContext is what the kernels with SHA instructions work on; miner/gen knows its layout.
// Its address has to be a multiple of 16.
type pipelineContext struct {
	state [8]uint32       // that the message's block meets, as the instructions want it
	work  [136]uint32     // message schedules and intermediate states
	low   [100][16]uint32 // blocks that are zero but for the last two digits
	high  [102][16]uint32 // the block but for these, for consecutive hundreds
}

// pipeline is the engine for processors with instructions for SHA-256.
type pipeline struct {
	context *pipelineContext
	order   [8]int // of the state's words
	hash    pipelineHash
	message message
}

// pipelineHash tests n nonces from the one with the last two digits low, up to the first whose
// hash has none of the mask's bits in its first word, and returns how many come before it.
type pipelineHash func(ctx *byte, low, n uint64, mask uint32) (before uint64)

func newPipeline(p Puzzle, order [8]int, hex, raw pipelineHash) kernel {
	e := &pipeline{context: aligned[pipelineContext](), order: order, hash: hex}
	if p.Scheme.Raw {
		e.hash = raw
	}
	return newBatches(p, e, 2)
}

// aligned makes a T at a multiple of 64.
func aligned[T any]() *T {
	const alignment = 64
	var t T
	room := make([]byte, unsafe.Sizeof(t)+alignment-1)
	skip := -uintptr(unsafe.Pointer(&room[0])) % alignment
	return (*T)(unsafe.Pointer(&room[skip]))
}

func (e *pipeline) open(m message) {
	e.message = m
	for i, from := range e.order {
		e.context.state[i] = m.state[from]
	}
	for i := range e.context.low {
		var block [64]byte
		block[m.at+m.digits-2] = byte('0' + i/10)
		block[m.at+m.digits-1] = byte('0' + i%10)
		words(&block, &e.context.low[i])
	}
}

func (e *pipeline) run(first, n uint64, mask uint32) uint64 {
	const ahead = 4 // nonces behind the last that the pipeline reads
	low := first % 100
	block := e.message.block
	field := block[e.message.at:][:e.message.digits-2]
	if len(field) > 0 {
		strconv.AppendUint(field[:0:len(field)], first/100, 10)
	}
	for hundred := range (low+n-1+ahead)/100 + 1 {
		words(&block, &e.context.high[hundred])
		increment(field)
	}
	return e.hash((*byte)(unsafe.Pointer(e.context)), low, n, mask)
}

// increment adds one to a decimal number; after the last comes zero.
func increment(digits []byte) {
	for i := len(digits) - 1; i >= 0; i-- {
		if digits[i] != '9' {
			digits[i]++
			return
		}
		digits[i] = '0'
	}
}
