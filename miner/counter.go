package miner

import (
	"strconv"
)

// maxDigits holds every uint64, and also the one step beyond that a counter may take.
const maxDigits = 20

// counter is the message that is hashed: a decimal number that grows in place, and the block. The
// digits stand at the right end of their field. With the number in front, growing by a digit moves
// nothing; with the number behind the block, it moves the block, which is rare.
type counter struct {
	message []byte // room; then the block, if it goes first; maxDigits of number; else the block
	block   string // the block, if it goes first
	end     int    // where the number ends
	at      int    // where the number begins
	stride  []byte // digits of the step as values 0..9, the least significant first
}

func newCounter(block string, suffix bool) *counter {
	c := &counter{
		message: make([]byte, maxDigits+len(block)),
		end:     maxDigits,
		stride:  make([]byte, 0, maxDigits),
	}
	if suffix {
		c.block, c.end = block, len(c.message)
		return c
	}
	copy(c.message[maxDigits:], block)
	return c
}

// set starts at n, to go on by stride.
func (c *counter) set(n, stride uint64) {
	var room [maxDigits]byte
	number := strconv.AppendUint(room[:0], n, 10)
	for i := c.end - maxDigits; i < c.end; i++ {
		c.message[i] = '0'
	}
	c.place(c.end - len(number))
	copy(c.message[c.at:], number)
	c.stride = c.stride[:0]
	for ; stride > 0; stride /= 10 {
		c.stride = append(c.stride, byte(stride%10))
	}
}

// place makes the number begin at a place, and the block end there if it goes first.
func (c *counter) place(at int) {
	c.at = at
	copy(c.message[at-len(c.block):], c.block)
}

// text is the number and the block in their order; valid until the next step.
func (c *counter) text() []byte { return c.message[c.at-len(c.block):] }

// step adds the stride, as on paper.
func (c *counter) step() {
	at := c.end
	carry := byte(0)
	for _, digit := range c.stride {
		at--
		c.open(at)
		sum := c.message[at] + digit + carry
		carry = 0
		if sum > '9' {
			sum -= 10
			carry = 1
		}
		c.message[at] = sum
	}
	for carry == 1 {
		at--
		c.open(at)
		if c.message[at] == '9' {
			c.message[at] = '0'
			continue
		}
		c.message[at]++
		carry = 0
	}
}

// open makes room for a digit in front of the number.
func (c *counter) open(at int) {
	if at >= c.at {
		return
	}
	c.place(at)
	c.message[at] = '0'
}
