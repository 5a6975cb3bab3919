// Package lab is what tests of connections need: OpenSSH's own server on loopback addresses, a
// network that can fall silent, and proof that no process is left. Whatever it starts, it ends
// with the test, by process id. Only tests import it.
package lab

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// Marked lists the living processes, this one excepted, that hold mark in their environment or on
// their command line.
func Marked(mark string) []int {
	entries, _ := os.ReadDir("/proc")
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		for _, name := range []string{"environ", "cmdline"} { // both are empty for zombies
			if text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name)); bytes.Contains(text, []byte(mark)) {
				pids = append(pids, pid)
				break
			}
		}
	}
	return pids
}

// Eventually waits until done says so.
func Eventually(t testing.TB, within time.Duration, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain: %s", within, what)
		}
	}
}

// Gone waits until no process holds mark, and says how long that took.
func Gone(t testing.TB, mark string, within time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	for left := Marked(mark); len(left) > 0; left = Marked(mark) {
		if time.Since(began) > within {
			t.Fatalf("after %v these are left:%s", within, describe(left))
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}

func describe(pids []int) string {
	var text string
	for _, pid := range pids {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		line = bytes.ReplaceAll(line[max(0, len(line)-120):], []byte{0}, []byte(" "))
		text += fmt.Sprintf("\n%d: %.40s: …%s", pid, stat, line)
	}
	return text
}
