package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// What a collection costs grows with the goroutines that there are, several for each host, more than
// with the heap: as long as that is small, it is collected seldom. With a thousand hosts it is memory
// that is to be saved. GOGC in the environment has the last word.
const (
	seldom    = 400      // percent
	often     = 60       // percent
	smallHeap = 12 << 20 // bytes in use
)

func collectSeldom() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(seldom)
	afterCollection()
}

// afterCollection looks at the heap after the next collection, and at each that follows as long as
// the heap is small.
func afterCollection() {
	runtime.SetFinalizer(new([16]byte), func(*[16]byte) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		if live[0].Value.Uint64() > smallHeap {
			debug.SetGCPercent(often)
			return
		}
		afterCollection()
	})
}
