//go:build sshd

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/lab"
	"github.com/gofab/gofab/internal/remote"
	"github.com/gofab/gofab/runner"
)

// The benchmarks of this file need root and OpenSSH's sshd. Contenders take turns within one run,
// because only ratios within a run mean something on a machine that others use too; what is
// reported is the median of each.

// copier is one way to do the same thing.
type copier struct {
	name string
	do   func(tb testing.TB)
}

// compare lets each copier do its thing in turns and reports how the first, which is gofab,
// compares with every other.
func compare(b *testing.B, rounds int, contenders ...copier) {
	b.Helper()
	times := make([][]time.Duration, len(contenders))
	for range rounds {
		for i, c := range contenders {
			began := time.Now()
			c.do(b)
			times[i] = append(times[i], time.Since(began))
		}
	}
	median := func(i int) time.Duration { slices.Sort(times[i]); return times[i][len(times[i])/2] }
	first := median(0)
	for i, c := range contenders {
		b.Logf("%-22s median %8v  [%v, %v]  x %.2f", c.name, median(i).Round(time.Millisecond),
			times[i][0].Round(time.Millisecond), times[i][rounds-1].Round(time.Millisecond), median(i).Seconds()/first.Seconds())
		if i > 0 {
			b.ReportMetric(median(i).Seconds()/first.Seconds(), "x_"+c.name)
		}
	}
}

// BenchmarkManyFiles is 2,000 files of 4 KiB, there and back, against SFTP that does one thing
// after the other.
func BenchmarkManyFiles(b *testing.B) {
	for _, rtt := range []time.Duration{0, time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond} {
		b.Run(fmt.Sprint(rtt), func(b *testing.B) {
			s := lab.Sshd(b, 1)
			m := s.Machines(lab.User)[0] // its login shell is sh: what a shell's profile takes would be measured, too
			late := func() {}
			if rtt > 0 {
				link := lab.Relay(b, s.Addr(0))
				m.HostKey, m.Address, m.Port = s.HostKey, "127.0.0.1", link.Port()
				late = func() { link.Delay(rtt / 2) }
			}
			files := 2000
			src := tree(b, files)
			// One by one, all of them would take an hour over a slow link.
			few := files
			switch {
			case rtt > time.Millisecond:
				few /= 100
			case rtt > 0:
				few /= 10
			}
			some := tree(b, few)
			c, plain := dial(b, m), login(b, s, m)
			late()
			far := open(b)
			n := 0
			fresh := func() string { n++; return filepath.Join(far, strconv.Itoa(n)) }
			b.Run("put", func(b *testing.B) {
				compareFew(b, files/few, copier{"gofab", func(tb testing.TB) {
					done, err := c.Put(tb.Context(), src, fresh(), runner.PutOptions{})
					same(tb, done.Files, files, err)
				}}, copier{"sftp_one_by_one", func(tb testing.TB) {
					done, err := putOneByOne(plain, some, fresh())
					same(tb, done, few, err)
				}})
			})
			b.Run("put over it", func(b *testing.B) {
				there := fresh()
				compareFew(b, files/few, copier{"gofab", func(tb testing.TB) {
					done, err := c.Put(tb.Context(), src, there, runner.PutOptions{})
					same(tb, done.Files, files, err)
				}}, copier{"sftp_one_by_one", func(tb testing.TB) {
					done, err := putOneByOne(plain, some, there)
					same(tb, done, few, err)
				}})
			})
			b.Run("get", func(b *testing.B) {
				compareFew(b, files/few, copier{"gofab", func(tb testing.TB) {
					done, err := c.Get(tb.Context(), src, fresh())
					same(tb, done.Files, files, err)
				}}, copier{"sftp_one_by_one", func(tb testing.TB) {
					done, err := getOneByOne(plain, some, fresh())
					same(tb, done, few, err)
				}})
			})
		})
	}
}

// compareFew is compare where the others had less to do.
func compareFew(b *testing.B, less int, contenders ...copier) {
	b.Helper()
	if less == 1 {
		compare(b, 5, contenders...)
		return
	}
	b.Logf("the others do 1/%d of it", less)
	compare(b, 3, contenders...)
}

func same(tb testing.TB, got, want int, err error) {
	tb.Helper()
	if err != nil || got != want {
		tb.Fatalf("%d of %d files, %v", got, want, err)
	}
}

func tree(b *testing.B, n int) string {
	dir := filepath.Join(open(b), "tree")
	text := bytes.Repeat([]byte("gofab! \n"), 512)
	for i := range n {
		sub := filepath.Join(dir, strconv.Itoa(i%20))
		if err := os.MkdirAll(sub, 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sub, strconv.Itoa(i)), text, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

func dial(b *testing.B, m cloud.Machine) runner.Conn {
	b.Helper()
	c, err := (&remote.Dialer{}).Dial(context.Background(), m)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return c
}

// login is a client of pkg/sftp without any of ours.
func login(b *testing.B, s *lab.Servers, m cloud.Machine) *sftp.Client {
	b.Helper()
	text, err := os.ReadFile(s.KeyFile)
	if err != nil {
		b.Fatal(err)
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		b.Fatal(err)
	}
	client, err := ssh.Dial("tcp", net.JoinHostPort(m.Address, strconv.Itoa(m.Port)), &ssh.ClientConfig{
		User: m.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { client.Close() })
	files, err := sftp.NewClient(client)
	if err != nil {
		b.Fatal(err)
	}
	return files
}

// putOneByOne makes the promises of put for each file: whole, with its mode.
func putOneByOne(c *sftp.Client, src, dest string) (int, error) {
	n := 0
	err := filepath.WalkDir(src, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(src, name)
		to := path.Join(dest, rel)
		if d.IsDir() {
			return c.MkdirAll(to)
		}
		in, err := os.Open(name)
		if err != nil {
			return err
		}
		defer in.Close()
		out, err := c.Create(to + ".part")
		if err != nil {
			return err
		}
		if err := pour(out, in); err != nil {
			return err
		}
		n++
		return c.PosixRename(to+".part", to)
	})
	return n, err
}

func getOneByOne(c *sftp.Client, src, dest string) (int, error) {
	n := 0
	walk := c.Walk(src)
	for walk.Step() {
		if walk.Err() != nil {
			return n, walk.Err()
		}
		rel, _ := filepath.Rel(src, walk.Path())
		to := filepath.Join(dest, rel)
		if walk.Stat().IsDir() {
			if err := os.MkdirAll(to, 0o755); err != nil {
				return n, err
			}
			continue
		}
		if err := getOne(c, walk.Path(), to); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func getOne(c *sftp.Client, from, to string) error {
	in, err := c.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to + ".part")
	if err != nil {
		return err
	}
	if err := pour(out, in); err != nil {
		return err
	}
	return os.Rename(to+".part", to)
}

// pour copies all of in and closes out.
func pour(out io.WriteCloser, in io.Reader) error {
	_, err := io.Copy(out, in)
	return errors.Join(err, out.Close())
}
