package main_test

import (
	"strings"
	"testing"
)

// A full disk must not cost a find.
func TestLogThatBreaks(t *testing.T) {
	t.Parallel()
	got := run(t, "--difficulty", "2", "--log", "/dev/full")
	if got.code != 0 || !strings.HasPrefix(got.stdout, golden116) || !strings.Contains(got.stderr, "the log is incomplete") {
		t.Errorf("%+v", got)
	}
}
