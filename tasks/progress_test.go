package tasks

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A long upload speaks every few seconds, a short one never.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProgress(objects{{key: "a", size: 1000}, {key: "b", size: 3_000_000}})
		var said []string
		stop := p.tell(func(text string) { said = append(said, text) })
		time.Sleep(progressEvery - time.Millisecond)
		if len(said) > 0 {
			t.Errorf("too early: %q", said)
		}
		p.done(0)
		p.sent(1, 2_000_000)
		p.sent(1, 1_000_000) // late news
		time.Sleep(2 * time.Millisecond)
		p.sent(1, 4_000_000) // the file has grown
		time.Sleep(progressEvery)
		stop()
		time.Sleep(3 * progressEvery)
		want := []string{"1 of 2 objects, " + size(2_001_000) + " of " + size(3_001_000), "1 of 2 objects, " + size(3_001_000) + " of " + size(3_001_000)}
		if !slices.Equal(said, want) {
			t.Errorf("said %q, want %q", said, want)
		}
	})
}
