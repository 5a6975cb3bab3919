// Command gen writes the assembly of package miner; `go generate` in that package calls it:
//
//	go -C gen run . -pkg miner -out ../assembly_amd64.s -stubs ../assembly_amd64.go
//	go -C gen run . -arm64 ../assembly_arm64.s
//
// It is a module of its own, so that those who build gofab need not know of avo.
package main

import (
	"flag"
	"log"
	"os"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
)

func main() {
	arm64Out := flag.String("arm64", "", "write the assembly for arm64 to this file, and nothing else")
	flag.Parse()
	if *arm64Out == "" {
		amd64File()
		return
	}
	if err := os.WriteFile(*arm64Out, arm64File(), 0o644); err != nil {
		log.Fatal(err)
	}
}

// amd64File has avo write what its own flags say.
func amd64File() {
	ConstraintExpr("amd64")
	words := expand(padding)
	shared := tables{
		k:       table("k", k[:]),
		padding: table("padding", words[:]),
		pairs:   table("pairs", inPairs(words)),
		iv: table("iv", []uint32{ // ABEF, CDGH, the first letter last
			iv[5], iv[4], iv[1], iv[0], iv[7], iv[6], iv[3], iv[2],
		}),
		order:   bytesTable("order", "\x0e\x0f\x0c\x0d\x0a\x0b\x08\x09\x06\x07\x04\x05\x02\x03\x00\x01"),
		nibble:  bytesTable("nibble", "\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f"),
		digits:  bytesTable("digits", "0123456789abcdef"),
		rawTail: table("rawtail", []uint32{0x80000000, 0, 0, 0, 0, 0, 0, 256}),
	}
	shaniKernel("shaniHex", false, shared)
	shaniKernel("shaniRaw", true, shared)
	vt := verticalTables{
		k: shared.k, padding: shared.padding, digits: shared.digits, rawTail: shared.rawTail,
		iv:    table("iv_", iv[:]),
		upper: bytesTable("upper", "\x02\x02\x03\x03\x06\x06\x07\x07\x0a\x0a\x0b\x0b\x0e\x0e\x0f\x0f"),
		lower: bytesTable("lower", "\x00\x00\x01\x01\x04\x04\x05\x05\x08\x08\x09\x09\x0c\x0c\x0d\x0d"),
		even:  table("even", []uint32{0x000f000f, 0x000f000f, 0x000f000f, 0x000f000f}),
		odd:   table("odd", []uint32{0x0f000f00, 0x0f000f00, 0x0f000f00, 0x0f000f00}),
	}
	verticalKernel("avx2Hex", false, false, vt)
	verticalKernel("avx2Raw", false, true, vt)
	verticalKernel("avx512Hex", true, false, vt)
	verticalKernel("avx512Raw", true, true, vt)
	cpuQuestions()
	Generate()
}

const readOnly = attr.RODATA | attr.NOPTR
