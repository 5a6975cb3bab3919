package cloudtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/cloud"
)

func (c Config) testQueue(t *testing.T) {
	p := c.New(t)
	TestQueue(t, p.(cloud.Queue), c.reopen(t, p).(cloud.Queue), c.run(t, p), c.run(t, p))
}

// TestQueue tests the role alone, on two runs that have no queue yet. Again is q as another
// process would have it. The caller removes the queues.
func TestQueue(t *testing.T, q, again cloud.Queue, run, other string) {
	for _, r := range []string{run, run, other} { // twice: to open an open queue is harmless
		if where, err := q.Open(t.Context(), r, "", time.Now().Add(time.Hour)); err != nil || where == "" {
			t.Fatalf("open: %q, %v", where, err)
		}
	}
	bodies := []string{"stop", "two\nlines\n", "ünïcödé 'quoted' \"$HOME\"", strings.Repeat("x", 10_000)}
	for _, body := range bodies {
		if err := q.Send(t.Context(), run, []byte(body)); err != nil {
			t.Fatalf("send: %v", err)
		}
	}
	var got []string
	for range bodies {
		got = append(got, receive(t, again, run))
	}
	slices.Sort(got) // a queue need not keep the order
	slices.Sort(bodies)
	if !slices.Equal(got, bodies) {
		t.Errorf("sent %q, received %q", bodies, got)
	}
	for _, r := range []string{run, other} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if body, err := q.Receive(ctx, r); err == nil {
			t.Errorf("received %q from an empty queue", body)
		}
		cancel()
	}
	testReceivers(t, q, run)
}

// testReceivers checks that each message goes to one receiver, and that a receiver waits.
func testReceivers(t *testing.T, q cloud.Queue, run string) {
	const count = 20
	got := make([]string, count)
	var work sync.WaitGroup
	for i := range count {
		work.Go(func() { got[i] = receive(t, q, run) })
	}
	for i := range count {
		if err := q.Send(t.Context(), run, fmt.Appendf(nil, "message %d", i)); err != nil {
			t.Errorf("send: %v", err)
		}
	}
	work.Wait()
	slices.Sort(got)
	if len(slices.Compact(got)) != count {
		t.Errorf("%d receivers got %q", count, got)
	}
}

func receive(t *testing.T, q cloud.Queue, run string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	body, err := q.Receive(ctx, run)
	if err != nil {
		t.Errorf("receive: %v", err)
	}
	return string(body)
}

func (c Config) testBucket(t *testing.T) {
	p := c.New(t)
	TestBucket(t, p.(cloud.Bucket), c.run(t, p))
}

// TestBucket tests the role alone, with the provider's own choice of a bucket.
func TestBucket(t *testing.T, b cloud.Bucket, run string) {
	upload := func(ctx context.Context, key, file string) (cloud.Stored, error) {
		return b.Upload(ctx, cloud.Object{Run: run, Create: true, Key: key, File: file})
	}
	file := filepath.Join(t.TempDir(), "a file's \"name\"")
	if err := os.WriteFile(file, []byte("golden"), 0o644); err != nil {
		t.Fatal(err)
	}
	var places []string
	for _, key := range []string{"a", "logs/Instance0.log", "deep/er/than that/x", `it's "quoted" $HOME & more`, "ünï/cödé 日本", "a b", "..x", "-rf"} {
		stored, err := upload(t.Context(), key, file)
		if err != nil || stored.Place == "" {
			t.Errorf("upload %q: %q, %v", key, stored.Place, err)
		}
		places = append(places, stored.Place)
	}
	if slices.Sort(places); len(slices.Compact(places)) != len(places) {
		t.Errorf("two keys, one place: %q", places)
	}
	for _, content := range []string{"golden", "golden!"} {
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if stored, err := upload(t.Context(), "a", file); err != nil || stored.Unchanged != (content == "golden") {
			t.Errorf("upload again, with content %s: %+v, %v", content, stored, err)
		}
	}
	for _, key := range []string{"", ".", "..", "/etc/x", "../x", "a/../../x", "a//b", "a/", "./a", "nul\x00"} {
		if stored, err := upload(t.Context(), key, file); err == nil {
			t.Errorf("upload to key %q went to %q", key, stored.Place)
		}
	}
	if _, err := upload(t.Context(), "b", file+"-is-missing"); err == nil {
		t.Error("upload of a missing file: no error")
	}
	if _, err := upload(t.Context(), "b", filepath.Dir(file)); err == nil {
		t.Error("upload of a directory: no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := upload(ctx, "c", file); err == nil {
		t.Error("upload with a cancelled context: no error")
	}
}
