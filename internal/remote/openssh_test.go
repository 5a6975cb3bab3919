//go:build sshd

package remote_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/lab"
	"github.com/gofab/gofab/internal/remote"
	"github.com/gofab/gofab/runner"
)

// The tests of this file need root, OpenSSH's sshd and busybox.

func init() {
	shells["busybox"] = func(t *testing.T) shell {
		dir := t.TempDir()
		if out, err := exec.Command("busybox", "--install", "-s", dir).CombinedOutput(); err != nil {
			t.Fatalf("busybox: %v: %s", err, out)
		}
		return shell{filepath.Join(dir, "sh"), []string{"PATH=" + dir + ":" + os.Getenv("PATH")}}
	}
}

// asBoth runs a test on n servers for root, and on others for an ordinary user.
func asBoth(t *testing.T, n int, test func(t *testing.T, machines []cloud.Machine)) {
	for _, user := range []string{"root", lab.User} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			test(t, lab.Sshd(t, n).Machines(user))
		})
	}
}

// The race that the design is for: 16 hosts, one of which succeeds after a second. It runs alone,
// because it counts seconds.
func TestOpenSSHRace(t *testing.T) {
	for _, user := range []string{"root", lab.User} {
		machines := lab.Sshd(t, 16).Machines(user)
		mark := rand.Text()
		conns := make([]runner.Conn, len(machines))
		for i, m := range machines {
			conns[i] = dial(t, &remote.Dialer{}, m)
		}
		var won atomic.Int64
		winner := runner.First(t.Context(), len(conns), func(ctx context.Context, i int) bool {
			cmd := runner.Command{Text: stays, Env: map[string]string{"MARK": mark}}
			if i == 5 {
				cmd.Text = "sleep 1"
			}
			status, err := conns[i].Exec(ctx, cmd, io.Discard, io.Discard)
			if i != 5 && !errors.Is(err, runner.ErrRaceWon) {
				t.Errorf("%d: %v", i, err)
			}
			return status == 0 && err == nil
		}, func(int) { won.Store(time.Now().UnixNano()) })
		took := time.Since(time.Unix(0, won.Load()))
		if left := lab.Marked(mark); winner != 5 || len(left) > 0 || took > soon {
			t.Errorf("winner %d, %d processes left after %v", winner, len(left), took)
		}
		t.Logf("%s: nobody left after %v", user, took.Round(time.Millisecond))
	}
}

func TestOpenSSHCancel(t *testing.T) {
	t.Parallel()
	asBoth(t, 1, func(t *testing.T, machines []cloud.Machine) {
		c := dial(t, &remote.Dialer{}, machines[0])
		for name, text := range stubborn {
			took := begin(t, c.Exec, runner.Command{Text: text}).stop(t, soon)
			t.Logf("%s: ended after %v", name, took.Round(time.Millisecond))
		}
	})
}

// sshd takes ten sessions for each connection, and counts those that were not ended properly.
func TestOpenSSHCancelAtRandomMoments(t *testing.T) { // alone, to count goroutines
	for _, user := range []string{"root", lab.User} {
		cancelAtRandom(t, dial(t, &remote.Dialer{}, lab.Sshd(t, 1).Machines(user)[0]), 60)
	}
}

func TestOpenSSHBackground(t *testing.T) {
	t.Parallel()
	asBoth(t, 1, func(t *testing.T, machines []cloud.Machine) {
		c := dial(t, &remote.Dialer{}, machines[0])
		background(t, c.Exec)
		backgroundHolds(t, c.Exec)
		cancelAfterTheEnd(t, c.Exec)
	})
}

func TestOpenSSHConnectionClosed(t *testing.T) {
	t.Parallel()
	asBoth(t, 1, func(t *testing.T, machines []cloud.Machine) {
		c := dial(t, &remote.Dialer{}, machines[0])
		k := begin(t, c.Exec, runner.Command{Text: stays})
		c.Close()
		k.wait(t, soon)
		unreachable(t, k.err)
		lab.Gone(t, k.mark, soon)
	})
}

func TestOpenSSHControllerKilled(t *testing.T) {
	t.Parallel()
	asBoth(t, 4, func(t *testing.T, machines []cloud.Machine) { controllerKilled(t, machines...) })
}

func TestOpenSSHSilentNetwork(t *testing.T) {
	t.Parallel()
	s := lab.Sshd(t, 1)
	for _, user := range []string{"root", lab.User} {
		for name, text := range map[string]string{"stays": stays, "leaves": leaves} {
			t.Run(user+"/"+name, func(t *testing.T) {
				t.Parallel()
				m := s.Machines(user)[0]
				m.HostKey = s.HostKey // the relay has an address of its own
				silentNetwork(t, s.Addr(0), m, text)
			})
		}
	}
}

func TestOpenSSHFiles(t *testing.T) {
	t.Parallel()
	asBoth(t, 1, func(t *testing.T, machines []cloud.Machine) {
		c := dial(t, &remote.Dialer{}, machines[0])
		got := output(t, c, runner.Command{Text: "mktemp -d"})
		dir := strings.Split(strings.TrimPrefix(got, "0|"), "\n")[0]
		defer c.Exec(t.Context(), runner.Command{Text: "rm -rf " + remote.Quote(dir)}, io.Discard, io.Discard)
		from := forest(t)
		link(t, from)
		roundTrip(t, c, from, dir)
	})
}

func TestTransfersWithBusybox(t *testing.T) {
	t.Parallel()
	h := serveShell(t, shells["busybox"](t))
	c := h.dial(t)
	roundTrip(t, c, forest(t), h.Home)
	if got := output(t, c, runner.Command{Text: "find . -name '.gofab*'"}); got != "0|||<nil>" {
		t.Errorf("left: %s", got)
	}
}

// What the host has to say of a full disk is "Failure".
func TestOpenSSHFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=1m", "none", dir).CombinedOutput(); err != nil {
		t.Fatalf("mount: %s", out)
	}
	t.Cleanup(func() { exec.Command("umount", "-l", dir).Run() })
	c := dial(t, &remote.Dialer{}, lab.Sshd(t, 1).Machines("root")[0])
	_, err := c.Put(t.Context(), writeFile(t, make([]byte, 5<<20)), dir+"/file", runner.PutOptions{})
	if err == nil || !strings.Contains(err.Error(), "write "+dir+"/file on the host: no space left on the device") {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if _, err := c.Put(t.Context(), writeFile(t, []byte("x")), dir+"/file", runner.PutOptions{}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	// A full disk on this side is not the host's.
	_, err = c.Get(t.Context(), "/proc/version", dir+"/version")
	if err != nil {
		t.Error(err)
	}
	big := writeFile(t, make([]byte, 5<<20))
	if _, err = c.Get(t.Context(), big, dir+"/big"); err == nil || strings.Contains(err.Error(), "on the host") || !strings.Contains(err.Error(), "no space left on device") {
		t.Error(err)
	}
}

// A busy sshd drops connections; that is worth another attempt.
func TestOpenSSHMaxStartups(t *testing.T) {
	t.Parallel()
	s := lab.Sshd(t, 1, "MaxStartups 1")
	lab.Eventually(t, soon, "sshd forgets the probe", func() bool {
		c, err := (&remote.Dialer{}).Dial(t.Context(), s.Machines("root")[0])
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	lingers(t, s.Addr(0))
	_, err := (&remote.Dialer{}).Dial(t.Context(), s.Machines("root")[0])
	if u := unreachable(t, err); !u.Again || u.Final || !strings.Contains(u.Error(), "closed the connection before the login") {
		t.Errorf("%v, again: %v", u, u.Again)
	}
}

// Many logins at one sshd that takes few at a time: whoever is dropped gets in later, and the dialer
// learns from it.
func TestOpenSSHManyLogins(t *testing.T) {
	t.Parallel()
	m := lab.Sshd(t, 1, "MaxStartups 4").Machines("root")[0]
	var dialer remote.Dialer
	var drops atomic.Int64
	runner.Each(t.Context(), 60, 0, func(ctx context.Context, i int) {
		for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
			c, err := dialer.Dial(ctx, m)
			if err == nil {
				c.Close()
				return
			}
			if u := unreachable(t, err); !u.Again {
				t.Errorf("%d: %v", i, err)
				return
			}
			drops.Add(1)
			time.Sleep(pause)
		}
	})
	t.Logf("dropped %d times", drops.Load())
}

func TestOpenSSHMaxSessions(t *testing.T) {
	t.Parallel()
	c := dial(t, &remote.Dialer{}, lab.Sshd(t, 1, "MaxSessions 1").Machines("root")[0])
	k := begin(t, c.Exec, runner.Command{Text: "echo ready; sleep 1000"})
	_, err := c.Exec(t.Context(), runner.Command{Text: "echo"}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "refuses another session (is MaxSessions") {
		t.Error(err)
	}
	k.stop(t, soon)
	if got := output(t, c, runner.Command{Text: "echo again"}); got != "0|again\n||<nil>" {
		t.Errorf("%q", got)
	}
}

// Transfers leave a session open for the next; it does not keep a command out.
func TestOpenSSHTransfersWithFewSessions(t *testing.T) {
	t.Parallel()
	for _, most := range []string{"1", "2"} {
		t.Run(most, func(t *testing.T) {
			t.Parallel()
			c := dial(t, &remote.Dialer{}, lab.Sshd(t, 1, "MaxSessions "+most).Machines(lab.User)[0])
			dir := "sessions-" + rand.Text()
			defer c.Exec(t.Context(), runner.Command{Text: "rm -rf " + dir}, io.Discard, io.Discard)
			if _, err := c.Put(t.Context(), writeFile(t, nil), dir+"/empty", runner.PutOptions{}); err != nil {
				t.Error(err)
			}
			if got := output(t, c, runner.Command{Text: "echo ready"}); got != "0|ready\n||<nil>" {
				t.Errorf("after put: %s", got)
			}
			for range 2 {
				roundTrip(t, c, forest(t), dir)
				if got := output(t, c, runner.Command{Text: "echo ready"}); got != "0|ready\n||<nil>" {
					t.Errorf("after get: %s", got)
				}
			}
		})
	}
}

// BenchmarkRaceEnd tells how long it takes from the first success to the last loser's confirmed end.
// A loser's host looks through its processes: its own, as on a real host, or those of all hosts here.
func BenchmarkRaceEnd(b *testing.B) {
	for name, servers := range map[string]func(testing.TB, int, ...string) *lab.Servers{"own": lab.SshdApart, "all": lab.Sshd} {
		for _, n := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("processes=%s/losers=%d", name, n), func(b *testing.B) {
				fleet := connect(b, servers(b, n+1).Machines(lab.User))
				defer fleet.close(b)
				var took []time.Duration
				for b.Loop() {
					took = append(took, fleet.race(b))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/end")
			})
		}
	}
}

// BenchmarkExec tells what the supervisor costs beside a bare session: for a builtin, which gets no
// watch as long as it is quick, and for a program.
func BenchmarkExec(b *testing.B) {
	s := lab.Sshd(b, 1)
	m := s.Machines(lab.User)[0]
	text, err := os.ReadFile(s.KeyFile)
	if err != nil {
		b.Fatal(err)
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		b.Fatal(err)
	}
	c, err := (&remote.Dialer{}).Dial(b.Context(), m)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	client, err := ssh.Dial("tcp", s.Addr(0), &ssh.ClientConfig{
		User: lab.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	for name, command := range map[string]string{"builtin": "true", "program": "uname"} {
		b.Run(name+"/supervised", func(b *testing.B) {
			for b.Loop() {
				if _, err := c.Exec(b.Context(), runner.Command{Text: command}, io.Discard, io.Discard); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/bare", func(b *testing.B) {
			for b.Loop() {
				session, err := client.NewSession()
				if err != nil {
					b.Fatal(err)
				}
				if err := session.Run(command); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
