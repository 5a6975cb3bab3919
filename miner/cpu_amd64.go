package miner

// features is what the kernels ask of a processor and of its operating system.
type features struct{ shani, avx2, avx512 bool }

// processor is what this one has (Intel's manual, volume 2, CPUID; volume 1, 13.3).
var processor = func() (has features) {
	last, _, _ := cpuid(0, 0)
	if last < 7 {
		return has
	}
	_, _, ecx := cpuid(1, 0)
	_, ebx, _ := cpuid(7, 0)
	bit := func(word uint32, n int) bool { return word>>n&1 == 1 }
	ssse3, sse41, osxsave, avx := bit(ecx, 9), bit(ecx, 19), bit(ecx, 27), bit(ecx, 28)
	has.shani = bit(ebx, 29) && ssse3 && sse41
	if !osxsave || !avx {
		return has
	}
	const ymm, zmm = 0b110, 0b11100110 // the registers that have to survive a change of process
	saved := xgetbv()
	has.avx2 = bit(ebx, 5) && saved&ymm == ymm
	has.avx512 = has.avx2 && bit(ebx, 16) && saved&zmm == zmm
	return has
}()
