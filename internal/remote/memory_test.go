package remote_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/lab"
	"github.com/gofab/gofab/internal/remote"
	"github.com/gofab/gofab/internal/sshd"
	"github.com/gofab/gofab/runner"
)

const filesHostEnv = "GOFAB_TEST_FILES_HOST"

// The memory of transfers is bounded over all hosts together. With the window that each file of
// each host would have alone, these would hold 128 MiB.
func TestTransferMemory(t *testing.T) { // alone, to see its memory and no other's
	const hosts, size = 64, 3 << 20
	m := filesElsewhere(t)
	local := writeFile(t, make([]byte, size))
	var dialer remote.Dialer
	conns := make([]runner.Conn, hosts)
	for i := range conns {
		conns[i] = dial(t, &dialer, m)
	}
	dir := t.TempDir()
	for _, way := range []struct {
		name string
		most int // 18 MiB of blocks; what comes is there twice, as it was sent and in its block
		copy func(ctx context.Context, c runner.Conn, file string) (runner.Copied, error)
	}{
		{"put", 36 << 20, func(ctx context.Context, c runner.Conn, file string) (runner.Copied, error) {
			return c.Put(ctx, local, file, runner.PutOptions{})
		}},
		{"get", 54 << 20, func(ctx context.Context, c runner.Conn, file string) (runner.Copied, error) {
			return c.Get(ctx, file, filepath.Join(dir, file))
		}},
	} {
		live() // a pool keeps what it has for two collections
		live()
		base := live()
		peak := peakLive(func() {
			runner.Each(t.Context(), hosts, 0, func(ctx context.Context, i int) {
				if copied, err := way.copy(ctx, conns[i], fmt.Sprint("file", i)); err != nil || copied.Bytes != size {
					t.Errorf("%s, host %d: %+v, %v", way.name, i, copied, err)
				}
			})
		}) - base
		t.Logf("%s: %.1f MiB", way.name, float64(peak)/(1<<20))
		if peak > way.most {
			t.Errorf("%s with %d hosts at once took %d MiB, more than %d", way.name, hosts, peak>>20, way.most>>20)
		}
	}
}

// peakLive is the most memory that was in use while do did its work, without what is garbage.
func peakLive(do func()) (peak int) {
	done := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			peak = max(peak, live())
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	do()
	close(done)
	watch.Wait()
	return peak
}

// live is the heap in use, without garbage.
func live() int {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int(sample[0].Value.Uint64())
}

// filesElsewhere is a host in a process of its own, whose memory is not ours. It keeps files, which
// takes SFTP: its shell does nothing.
func filesElsewhere(t *testing.T) cloud.Machine {
	t.Helper()
	public, err := os.ReadFile(userKey(t) + ".pub")
	check(t, err)
	m := lab.Elsewhere(t, filesHostEnv+"="+string(public))
	m.Login.KeyFile = userKey(t)
	return m
}

// filesHost is what filesElsewhere has this program do in a process of its own.
func filesHost() {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	authorized, _, _, _, err := ssh.ParseAuthorizedKey([]byte(os.Getenv(filesHostEnv)))
	must(err)
	_, private, err := ed25519.GenerateKey(nil)
	must(err)
	hostKey, err := ssh.NewSignerFromKey(private)
	must(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	home, err := os.Getwd()
	must(err)
	must(json.NewEncoder(os.Stdout).Encode(cloud.Machine{
		Name: "host", Address: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, User: "somebody",
		HostKey: string(ssh.MarshalAuthorizedKey(hostKey.PublicKey())),
	}))
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	server := sshd.Server{HostKey: hostKey, Authorized: []ssh.PublicKey{authorized}, Shell: "false", Home: home}
	must(server.Serve(ctx, listener))
}
