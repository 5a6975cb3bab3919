package tasks

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofab/gofab/runner"
)

// server is a host that hands a file on. It is what a Peer of OpenSSH is to a fan.
type server struct {
	runner.Peer
	ready time.Duration // that it takes; negative: it never is
	lost  time.Duration // after which its connection is, if any
}

func (s server) Serve(ctx context.Context, _ runner.Shared, dest string, ready func(runner.Source)) error {
	if s.ready >= 0 {
		time.Sleep(s.ready)
		ready(runner.Source{User: dest})
	}
	if s.lost == 0 {
		<-ctx.Done()
		return nil
	}
	time.Sleep(s.lost)
	return errors.New("lost")
}

// spreadTo plays a file's way to hosts, which it reaches in a second from here and in a millisecond
// from each other, unless the other is lost. It returns where each has got it from.
func spreadTo(hosts []server) (from []string) {
	f := &fan{left: len(hosts), seeds: 1, changed: make(chan struct{})}
	f.ctx, f.stop = context.WithCancelCause(context.Background())
	from = make([]string, len(hosts))
	var work sync.WaitGroup
	for i, h := range hosts {
		work.Go(func() {
			ctx := context.Background()
			source, _ := f.next(ctx)
			if source != nil {
				time.Sleep(time.Millisecond)
				f.fetched(source, nil, false)
				from[i] = source.name
			} else {
				time.Sleep(time.Second)
				from[i] = "here"
			}
			f.serve(ctx, strconv.Itoa(i), func(string) {}, h, "")
		})
		synctest.Wait() // in order
	}
	work.Wait()
	f.end()
	return from
}

// A host that has the file and never gets ready to hand it on holds the others up for a while, and
// two of them are enough.
func TestFanWithHostsThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := make([]server, 10)
		for i := range hosts {
			hosts[i].ready = -1
		}
		began := time.Now()
		from := spreadTo(hosts)
		if slices.ContainsFunc(from, func(name string) bool { return name != "here" }) {
			t.Errorf("from %v", from)
		}
		if took := time.Since(began); took != 2*readyLimit+3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// A host that is lost is not asked for the file any more.
func TestFanLosesSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fan{left: 3, coming: 1, changed: make(chan struct{})}
		f.ctx, f.stop = context.WithCancelCause(context.Background())
		f.serve(f.ctx, "lost", func(string) {}, server{lost: time.Second}, "")
		synctest.Wait()
		from, _ := f.next(f.ctx)
		if from == nil {
			t.Fatal("it does not serve")
		}
		f.fetched(from, nil, false)
		f.gaveUp()
		time.Sleep(2 * time.Second)
		if from, err := f.next(f.ctx); from != nil || err != nil {
			t.Errorf("from %v, %v", from, err)
		}
		f.end()
	})
}

// A pipe is told from a file without a wait for somebody who writes into it.
func TestSpreadOfPipe(t *testing.T) {
	name := t.TempDir() + "/pipe"
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := shared(name, runner.PutOptions{}); err == nil {
		t.Error("no error")
	}
}
