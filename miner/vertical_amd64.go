package miner

import (
	"strconv"
	"sync"
	"unsafe"
)

// verticalContext is what the AVX2 and AVX-512 kernels work on, as 32-bit words; its layout is in
// miner/gen/vertical.go. Its address has to be a multiple of the vectors' size.
type verticalContext struct {
	words [43*16 + 12]uint32
}

// vertical is the engine for processors with AVX2 or AVX-512: as many nonces at once as a vector
// has lanes.
type vertical struct {
	context *verticalContext
	lanes   int
	hash    func(ctx *byte, low *uint32, n uint64, mask uint32) (before uint64)
	message message
	pair    int // the first of the two words that the last four digits are in
}

func newAVX2(p Puzzle) kernel   { return newVertical(p, 8, avx2Hex, avx2Raw) }
func newAVX512(p Puzzle) kernel { return newVertical(p, 16, avx512Hex, avx512Raw) }

func newVertical(p Puzzle, lanes int, hex, raw func(*byte, *uint32, uint64, uint32) uint64) kernel {
	v := &vertical{context: aligned[verticalContext](), lanes: lanes, hash: hex}
	if p.Scheme.Raw {
		v.hash = raw
	}
	fillFourDigits()
	return newBatches(p, v, 4)
}

// vector fills a vector of the context.
func (v *vertical) vector(number int, word uint32) {
	for i := range v.lanes {
		v.context.words[number*v.lanes+i] = word
	}
}

func (v *vertical) open(m message) {
	v.message = m
	for i, word := range m.state {
		v.vector(i, word)
	}
	at := m.at + m.digits - 4 // of the last four digits; no message reaches into the block's last two words
	v.pair = at / 4
	shift := uint32(at % 4 * 8)
	tail := v.context.words[43*v.lanes:]
	tail[0], tail[1] = shift, 0
	tail[4], tail[5] = 32-shift, 0
	tail[8], tail[9] = uint32(v.pair*v.lanes*4), 0
}

func (v *vertical) run(first, n uint64, mask uint32) uint64 {
	block := v.message.block
	field := block[v.message.at:][:v.message.digits-4]
	if len(field) > 0 {
		strconv.AppendUint(field[:0:len(field)], first/ChunkUnit, 10)
	}
	var message [16]uint32
	words(&block, &message)
	for i, word := range message {
		v.vector(8+i, word)
	}
	v.vector(40, message[v.pair])
	v.vector(41, message[v.pair+1])
	return v.hash((*byte)(unsafe.Pointer(v.context)), &fourDigits[first%ChunkUnit], n, mask)
}

// fourDigits has the text of the numbers 0000 to 9999 as SHA-256 reads it, and room for the lanes
// behind the last.
var fourDigits [ChunkUnit + 16]uint32

var fillFourDigits = sync.OnceFunc(func() {
	for i := range uint32(ChunkUnit) {
		fourDigits[i] = '0'*0x01010101 + i/1000<<24 + i/100%10<<16 + i/10%10<<8 + i%10
	}
})
