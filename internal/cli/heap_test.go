package cli

import (
	"os"
	"os/exec"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"
)

// A play of a few hosts takes no more memory than collectSeldom says.
func TestSmallHeapIsCollected(t *testing.T) {
	t.Parallel()
	if os.Getenv("GOFAB_TEST_HEAP") != "" {
		collectSeldom()
		goal := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
		metrics.Read(goal)
		os.Stdout.WriteString("goal " + strconv.FormatUint(goal[0].Value.Uint64(), 10) + "\n")
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestSmallHeapIsCollected$")
	cmd.Env = append(os.Environ(), "GOFAB_TEST_HEAP=1", "GOGC=")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, after, _ := strings.Cut(string(out), "goal ")
	word, _, _ := strings.Cut(after, "\n")
	if goal, err := strconv.ParseUint(word, 10, 64); err != nil || goal > 2*spare {
		t.Errorf("the heap may grow to %d bytes before it is collected (%v)", goal, err)
	}
}
