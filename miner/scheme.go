package miner

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// MaxBits is the number of bits in a SHA-256: the hardest puzzle.
const MaxBits = 8 * sha256.Size

// MaxDifficulty is the number of hex digits in a SHA-256.
const MaxDifficulty = 2 * sha256.Size

// BitsPerDigit turns a difficulty in hex digits into bits.
const BitsPerDigit = 4

// DefaultBlock is the block that the first cloud nonce finders searched.
const DefaultBlock = "COMSM0010cloud"

// Scheme is the way from a nonce to its hash: where the nonce stands, and what of the first hash
// is hashed again. The zero Scheme is the original one.
type Scheme struct {
	Suffix bool // the nonce stands behind the block, not before it
	Raw    bool // the second hash is of the first one's bytes, not of its hex text
}

// schemes by name, the default first.
var schemes = []struct {
	name   string
	scheme Scheme
}{
	{"prefix-hex", Scheme{}},
	{"prefix-raw", Scheme{Raw: true}},
	{"suffix-hex", Scheme{Suffix: true}},
	{"suffix-raw", Scheme{Suffix: true, Raw: true}},
}

// SchemeNames lists what ParseScheme understands, the default first.
func SchemeNames() []string {
	var names []string
	for _, s := range schemes {
		names = append(names, s.name)
	}
	return names
}

// ParseScheme reads a scheme's name.
func ParseScheme(name string) (Scheme, error) {
	for _, s := range schemes {
		if s.name == name {
			return s.scheme, nil
		}
	}
	return Scheme{}, fmt.Errorf("scheme %q: choose %s", name, strings.Join(SchemeNames(), ", "))
}

func (s Scheme) String() string {
	i := slices.IndexFunc(schemes, func(known struct {
		name   string
		scheme Scheme
	},
	) bool {
		return known.scheme == s
	})
	return schemes[i].name
}

// Puzzle says which nonces are golden.
type Puzzle struct {
	Block  string
	Scheme Scheme
	Bits   int // zero bits that a golden hash begins with, 1 to MaxBits
}

func (p Puzzle) validate() error {
	if p.Bits < 1 || p.Bits > MaxBits {
		return errors.New("bits " + strconv.Itoa(p.Bits) + ": a hash has 256 bits, choose 1 to 256")
	}
	return nil
}

// Hash is the double hash of a nonce, by the shortest way through the standard library: the
// definition that every kernel is measured against.
func (p Puzzle) Hash(nonce uint64) [sha256.Size]byte {
	message := strconv.FormatUint(nonce, 10) + p.Block
	if p.Scheme.Suffix {
		message = p.Block + strconv.FormatUint(nonce, 10)
	}
	first := sha256.Sum256([]byte(message))
	if p.Scheme.Raw {
		return sha256.Sum256(first[:])
	}
	return sha256.Sum256([]byte(hex.EncodeToString(first[:])))
}

// Golden says whether the nonce solves the puzzle.
func (p Puzzle) Golden(nonce uint64) bool { return ZeroBits(p.Hash(nonce)) >= p.Bits }

// ZeroBits counts the zero bits that a hash begins with.
func ZeroBits(hash [sha256.Size]byte) int {
	for i := 0; i < len(hash); i += 8 {
		if word := binary.BigEndian.Uint64(hash[i:]); word != 0 {
			return 8*i + bits.LeadingZeros64(word)
		}
	}
	return MaxBits
}
