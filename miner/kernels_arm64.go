package miner

func processorKernels() []Kernel {
	return []Kernel{{
		Name:   "sha2",
		About:  "three nonces in a pipeline of SHA2 instructions",
		Usable: hasSHA2(),
		batch:  ChunkUnit / 2,
		open: func(p Puzzle) kernel {
			return newPipeline(p, [8]int{0, 1, 2, 3, 4, 5, 6, 7}, sha2Hex, sha2Raw)
		},
	}}
}

//go:noescape
func sha2Hex(ctx *byte, low, n uint64, mask uint32) (before uint64)

//go:noescape
func sha2Raw(ctx *byte, low, n uint64, mask uint32) (before uint64)
