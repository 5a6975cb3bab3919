package miner

func processorKernels() []Kernel {
	return []Kernel{
		{
			Name:   "sha-ni",
			About:  "four nonces in a pipeline of SHA instructions",
			Usable: processor.shani,
			batch:  ChunkUnit,
			open: func(p Puzzle) kernel {
				return newPipeline(p, [8]int{5, 4, 1, 0, 7, 6, 3, 2}, shaniHex, shaniRaw)
			},
		},
		{
			Name:   "avx512",
			About:  "sixteen nonces side by side in AVX-512",
			Usable: processor.avx512,
			batch:  ChunkUnit / 2,
			open:   newAVX512,
		},
		{
			Name:   "avx2",
			About:  "eight nonces side by side in AVX2",
			Usable: processor.avx2,
			batch:  ChunkUnit / 4,
			open:   newAVX2,
		},
	}
}
