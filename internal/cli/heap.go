package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// What a collection costs grows with the goroutines that there are, several for each host, more than
// with the heap: as long as that is small, it is collected seldom. With a thousand hosts it is memory
// that is to be saved.
const (
	spare = 16 << 20 // bytes that may be allocated between two collections
	often = 60       // percent of the heap, where that is more
	least = 4 << 20  // bytes that the runtime takes the percentage of, where the heap is less
)

// collectSeldom sets when garbage is collected. GOGC in the environment has the last word.
func collectSeldom() {
	if os.Getenv("GOGC") == "" {
		afterCollection()
	}
}

// afterCollection decides when the next collection is due, now and after each.
func afterCollection() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	debug.SetGCPercent(int(max(often, 100*spare/max(live[0].Value.Uint64(), least))))
	runtime.SetFinalizer(new([16]byte), func(*[16]byte) { afterCollection() })
}
