package bucket_test

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/cloud"
)

// However many upload, requests and the memory behind them are bounded over all of them.
func TestLoadIsBounded(t *testing.T) {
	for name, test := range map[string]struct {
		op                string
		files, size, most int
	}{
		"small":    {"PUT key", 40, 1000, 16},
		"in parts": {"PUT key?uploadId", 5, 33 << 20, 2 * 4},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.make("mine")
			var now, most atomic.Int64
			w.order(test.op, 1000, func(rw http.ResponseWriter, r *http.Request, _ http.Handler) {
				n := now.Add(1)
				defer now.Add(-1)
				for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
				}
				io.Copy(io.Discard, r.Body)
				time.Sleep(20 * time.Millisecond) // a network
				rw.Header().Set("ETag", `"x"`)
			})
			w.order("POST key?uploadId", 1000, func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
				fmt.Fprint(rw, "<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")
			})
			file := w.file("x", large(test.size))
			var work sync.WaitGroup
			for i := range test.files {
				work.Go(func() {
					if _, err := w.buckets.Upload(t.Context(), cloud.Object{Bucket: "mine", Key: fmt.Sprint(i), File: file}); err != nil {
						t.Error(err)
					}
				})
			}
			work.Wait()
			if n := int(most.Load()); n > test.most || n < 2 {
				t.Errorf("%d requests at a time, not 2 to %d", n, test.most)
			}
		})
	}
}
