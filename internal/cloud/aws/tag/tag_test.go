package tag

import (
	"testing"
	"time"
)

func TestTime(t *testing.T) {
	at := time.Date(2026, 11, 24, 20, 15, 7, 999, time.FixedZone("", 3600))
	if got := Time(at); got != "2026-11-24T19:15:07Z" {
		t.Errorf("written as %s", got)
	}
	if got := ParseTime(Time(at)); !got.Equal(at.Truncate(time.Second)) {
		t.Errorf("read back as %v", got)
	}
	for _, s := range []string{"", "soon", "2026-11-24"} {
		if got := ParseTime(s); !got.IsZero() {
			t.Errorf("%q is %v", s, got)
		}
	}
}
