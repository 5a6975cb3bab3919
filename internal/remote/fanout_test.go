package remote_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/lab"
	"github.com/gofab/gofab/internal/remote"
	"github.com/gofab/gofab/runner"
)

// Many hosts at once: all are reached, a race ends everywhere, and afterwards nothing is left of it.
func TestManyHosts(t *testing.T) { // alone, to count goroutines and descriptors
	s := lab.Simulate(t)
	before, files := runtime.NumGoroutine(), descriptors(t)
	fleet := connect(t, s.Machines(300))
	fleet.run(t)
	fleet.race(t)
	fleet.close(t)
	lab.Eventually(t, 10*time.Second, "goroutines end", func() bool { return runtime.NumGoroutine() <= before })
	lab.Eventually(t, 10*time.Second, "descriptors are closed", func() bool { return descriptors(t) <= files })
}

// BenchmarkFanOut tells what a host costs when there are many: a login, a command, a race that
// another wins, and memory. The hosts are another process.
func BenchmarkFanOut(b *testing.B) {
	for _, n := range []int{64, 256, 1000, 10000} {
		b.Run(fmt.Sprintf("hosts=%d", n), func(b *testing.B) {
			machines := slices.Repeat([]cloud.Machine{lab.SimulateElsewhere(b)}, n)
			var login, command, race time.Duration
			var heap, goroutines int
			base := inUse()
			for b.Loop() {
				began := time.Now()
				fleet := connect(b, machines)
				login += time.Since(began)
				began = time.Now()
				fleet.run(b)
				command += time.Since(began)
				race += fleet.race(b)
				heap, goroutines = inUse()-base, runtime.NumGoroutine()
				fleet.close(b)
			}
			each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(b.N) / float64(n) }
			b.ReportMetric(each(login), "µs/login")
			b.ReportMetric(each(command), "µs/command")
			b.ReportMetric(float64(race.Microseconds())/1000/float64(b.N), "ms/race-end")
			b.ReportMetric(float64(heap)/1024/float64(n), "KiB/host")
			b.ReportMetric(float64(goroutines)/float64(n), "goroutines/host")
		})
	}
}

// BenchmarkCommand tells what a command costs on each of many hosts that cost nothing themselves.
func BenchmarkCommand(b *testing.B) {
	fleet := connect(b, slices.Repeat([]cloud.Machine{lab.SimulateElsewhere(b)}, 64))
	b.ReportAllocs()
	for b.Loop() {
		fleet.run(b)
	}
	fleet.close(b)
}

// fleet are connections to many hosts.
type fleet []runner.Conn

func connect(t testing.TB, machines []cloud.Machine) fleet {
	t.Helper()
	dialer := &remote.Dialer{ConnectTimeout: time.Minute}
	f := make(fleet, len(machines))
	f.each(func(ctx context.Context, i int) {
		var err error
		if f[i], err = dialer.Dial(ctx, machines[i]); err != nil {
			t.Errorf("host %d: %v", i, err)
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	return f
}

func (f fleet) each(do func(ctx context.Context, i int)) {
	runner.Each(context.Background(), len(f), 0, do)
}

func (f fleet) run(t testing.TB) {
	t.Helper()
	f.each(func(ctx context.Context, i int) {
		if status, err := f[i].Exec(ctx, runner.Command{Text: "true"}, io.Discard, io.Discard); status != 0 || err != nil {
			t.Errorf("host %d: %d, %v", i, status, err)
		}
	})
}

// race has the last host win over all others, and gives the time from then to the end of them.
func (f fleet) race(t testing.TB) time.Duration {
	t.Helper()
	var running atomic.Int64
	var won time.Time
	all := make(chan struct{})
	winner := runner.First(context.Background(), len(f), func(ctx context.Context, i int) bool {
		if i == len(f)-1 {
			<-all
			return true
		}
		_, err := f[i].Exec(ctx, runner.Command{Text: "echo ready; sleep 1000", Race: true}, writeFunc(func() {
			if running.Add(1) == int64(len(f)-1) {
				close(all)
			}
		}), io.Discard)
		if !errors.Is(err, runner.ErrRaceWon) {
			t.Errorf("host %d: %v", i, err)
		}
		return false
	}, func(int) { won = time.Now() })
	if winner != len(f)-1 {
		t.Errorf("winner %d", winner)
	}
	return time.Since(won)
}

// writeFunc is called for each write.
type writeFunc func()

func (f writeFunc) Write(p []byte) (int, error) {
	f()
	return len(p), nil
}

func (f fleet) close(t testing.TB) {
	t.Helper()
	f.each(func(_ context.Context, i int) {
		if err := f[i].Close(); err != nil {
			t.Errorf("host %d: %v", i, err)
		}
	})
}

func inUse() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapInuse + m.StackInuse)
}

func descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
