//go:build unix && !linux

package local

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// Elsewhere there is neither a subreaper nor /proc: a machine ends the process groups of the
// commands that still run, and what has left its group is lost sight of.

func adopt() error { return nil }

func nameProcess(string) {}

func reap(context.Context, func() []int) {}

func killKin(own func() []int, limit time.Duration) error {
	for _, pid := range own() {
		unix.Kill(-pid, unix.SIGKILL)
	}
	for end := time.Now().Add(limit); len(own()) > 0 && time.Now().Before(end); {
		time.Sleep(2 * time.Millisecond)
	}
	return nil
}

func killTree(pid int) { unix.Kill(pid, unix.SIGKILL) }

func killMarked(string, time.Duration) []int { return nil }
