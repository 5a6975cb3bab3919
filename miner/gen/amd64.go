package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

func table(name string, words []uint32) Mem {
	m := GLOBL(name, readOnly)
	for i, w := range words {
		DATA(4*i, U32(w))
	}
	return m
}

func bytesTable(name, bytes string) Mem {
	m := GLOBL(name, readOnly)
	for i := range bytes {
		DATA(i, U8(bytes[i]))
	}
	return m
}
