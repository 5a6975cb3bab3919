package miner

import (
	"encoding/binary"
	"os"
	"runtime"
)

// hasSHA2 says whether the processor has the SHA2 instructions, which is optional in ARMv8. Linux
// tells every process in its auxiliary vector (getauxval(3)); every Apple processor has them.
func hasSHA2() bool {
	if runtime.GOOS != "linux" {
		return runtime.GOOS == "darwin"
	}
	vector, err := os.ReadFile("/proc/self/auxv")
	if err != nil {
		return false
	}
	const hwcap, sha2 = 16, 1 << 6
	for ; len(vector) >= 16; vector = vector[16:] {
		if binary.LittleEndian.Uint64(vector) == hwcap {
			return binary.LittleEndian.Uint64(vector[8:])&sha2 != 0
		}
	}
	return false
}
