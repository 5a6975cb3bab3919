//go:build sshd

package bench

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/lab"
	"github.com/gofab/gofab/runner"
)

// uplink is 50 Mbit/s.
const uplink = 50_000_000 / 8

// BenchmarkSpread puts 10 MiB on hosts behind an uplink that is narrow, while they reach each other
// directly: straight, with spread, and with scp. It runs gofab whole.
func BenchmarkSpread(b *testing.B) {
	dir := b.TempDir()
	gofab := build(b, dir)
	payload := filepath.Join(dir, "payload")
	data := make([]byte, 10<<20)
	rand.Read(data)
	write(b, payload, string(data))
	for _, hosts := range []int{4, 8, 16} {
		b.Run(fmt.Sprint(hosts), func(b *testing.B) {
			far := open(b)
			s := lab.Sshd(b, hosts)
			line := lab.Uplink(uplink)
			var inventory, known, list strings.Builder
			for i, m := range s.Machines(lab.User) {
				link := lab.Relay(b, s.Addr(i))
				link.Through(line)
				link.Delay(10 * time.Millisecond)
				fmt.Fprintf(&inventory, "%s@127.0.0.1:%d name=h%d key=%s known_hosts=%s\n", m.User, link.Port(), i, m.Login.KeyFile, filepath.Join(dir, "known"))
				fmt.Fprintf(&known, "[127.0.0.1]:%d %s", link.Port(), s.HostKey)
				fmt.Fprintf(&list, "%d\n", link.Port())
			}
			write(b, filepath.Join(dir, "hosts"), inventory.String())
			write(b, filepath.Join(dir, "known"), known.String())
			play := func(spread bool) func(testing.TB) {
				return func(tb testing.TB) {
					write(tb, filepath.Join(dir, "play.yaml"), fmt.Sprintf(
						"steps: [put: {src: payload, dest: '%s/{{ host.name }}', mode: '0644', spread: %v}]", far, spread))
					cmd := exec.Command(gofab, "play", "play.yaml", "-q", "-i", "hosts")
					cmd.Dir = dir
					cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(dir, "state"))
					run(tb, cmd)
				}
			}
			scp := func(tb testing.TB) {
				cmd := exec.Command("xargs", "-P", fmt.Sprint(hosts), "-I%", "scp", "-q", "-F", "/dev/null", "-i", s.KeyFile, "-P", "%",
					"-o", "UserKnownHostsFile="+filepath.Join(dir, "known"), payload, lab.User+"@127.0.0.1:"+far+"/scp%")
				cmd.Stdin = strings.NewReader(list.String())
				run(tb, cmd)
			}
			compare(b, 3, copier{"spread", play(true)}, copier{"straight", play(false)}, copier{"scp", scp})
			files, err := filepath.Glob(far + "/*")
			if err != nil || len(files) != 2*hosts {
				b.Fatalf("%d files, %v", len(files), err)
			}
			for _, name := range files {
				if got, err := os.ReadFile(name); err != nil || string(got) != string(data) {
					b.Errorf("%s: %d bytes, %v", name, len(got), err)
				}
			}
		})
	}
}

// BenchmarkBig copies 64 MiB over links that are slow to answer. What they allow is one window of
// an SSH channel, 2 MiB, for each round trip; connecting is not counted.
func BenchmarkBig(b *testing.B) {
	for _, rtt := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond} {
		b.Run(fmt.Sprint(rtt), func(b *testing.B) {
			s := lab.Sshd(b, 1)
			link := lab.Relay(b, s.Addr(0))
			m := s.Machines(lab.User)[0] // its login shell is sh: what a shell's profile takes would be measured, too
			m.HostKey, m.Address, m.Port = s.HostKey, "127.0.0.1", link.Port()
			c := dial(b, m)
			link.Delay(rtt / 2)
			dir := open(b)
			src := filepath.Join(dir, "src")
			data := make([]byte, 64<<20)
			rand.Read(data)
			write(b, src, string(data))
			limit := time.Duration(len(data)/(2<<20)) * rtt
			little := filepath.Join(dir, "little")
			write(b, little, string(data[:4<<10]))
			for name, copy := range map[string]func(src, dest string) error{
				"put": func(src, dest string) error {
					_, err := c.Put(b.Context(), src, dest, runner.PutOptions{})
					return err
				},
				"get": func(src, dest string) error { _, err := c.Get(b.Context(), src, dest); return err },
			} {
				b.Run(name, func(b *testing.B) {
					best := func(src, dest string) (best time.Duration) {
						for range 3 {
							began := time.Now()
							if err := copy(src, dest); err != nil {
								b.Fatal(err)
							}
							if took := time.Since(began); best == 0 || took < best {
								best = took
							}
						}
						return best
					}
					ends, all := best(little, filepath.Join(dir, "end")), best(src, filepath.Join(dir, name))
					if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != string(data) {
						b.Fatalf("%d bytes, %v", len(got), err)
					}
					b.ReportMetric(100*limit.Seconds()/all.Seconds(), "%_of_the_window")
					b.ReportMetric(100*limit.Seconds()/(all-ends).Seconds(), "%_without_the_ends")
					b.Logf("64 MiB %v, 4 KiB %v; the window allows 64 MiB in %v", all.Round(time.Millisecond), ends.Round(time.Millisecond), limit)
				})
			}
		})
	}
}

func build(b *testing.B, dir string) string {
	b.Helper()
	gofab := filepath.Join(dir, "gofab")
	run(b, exec.Command("go", "build", "-o", gofab, "github.com/gofab/gofab"))
	return gofab
}

func run(tb testing.TB, cmd *exec.Cmd) {
	tb.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%v\n%s", err, out)
	}
}

func write(tb testing.TB, name, text string) {
	tb.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
}

// open is a directory where everybody may write.
func open(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("", "gofab-bench-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		b.Fatal(err)
	}
	return dir
}
