package miner

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"strconv"
)

// message is the last 64-byte block of what is hashed first, for nonces with so many digits, and
// the SHA-256 state that it meets. Only the digits in it depend on the nonce: the kernels of the
// processors are for messages of which that is true.
type message struct {
	block  [64]byte // ready for SHA-256 but for the digits, which are zero bytes
	at     int      // where the digits are
	digits int
	state  [8]uint32 // a to h
}

// newMessage also says whether the message is of this kind.
func newMessage(p Puzzle, digits int) (message, bool) {
	m := message{at: 0, digits: digits}
	const room = 64 - 1 - 8 // without the end mark and the length
	text := p.Block
	whole := 0
	if p.Scheme.Suffix {
		whole = len(text) / 64 * 64
		m.at = len(text) - whole
	}
	if len(text)-whole+digits > room {
		return m, false
	}
	m.state = stateAfter(text[:whole])
	n := copy(m.block[:], text[whole:][:m.at])
	n += digits
	n += copy(m.block[n:], text[whole+m.at:])
	m.block[n] = 0x80
	binary.BigEndian.PutUint64(m.block[56:], 8*uint64(len(text)+digits))
	return m, true
}

// stateAfter is the SHA-256 state after a text of whole blocks. The hash marshals as four bytes
// of magic and then the state (crypto/sha256 has kept that since Go 1.10).
func stateAfter(text string) (state [8]uint32) {
	hash := sha256.New()
	hash.Write([]byte(text))
	saved, err := hash.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return state // a kernel that works with that fails its self-test
	}
	for i := range state {
		state[i] = binary.BigEndian.Uint32(saved[4+4*i:])
	}
	return state
}

// words is the block as SHA-256 reads it.
func words(block *[64]byte, into *[16]uint32) {
	for i := range into {
		into[i] = binary.BigEndian.Uint32(block[4*i:])
	}
}

// countDigits is how many digits a nonce has.
func countDigits(n uint64) int {
	var room [maxDigits]byte
	return len(strconv.AppendUint(room[:0], n, 10))
}

// powerOfTen is the least number with one digit more; ok is false if that is beyond 64 bits.
func powerOfTen(digits int) (power uint64, ok bool) {
	if digits >= maxDigits {
		return 0, false
	}
	power = 1
	for range digits {
		power *= 10
	}
	return power, true
}
