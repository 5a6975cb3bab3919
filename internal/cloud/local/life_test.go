//go:build linux

package local

import (
	"bufio"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/cloudtest"
)

func TestTheMachineAsItsCommandsSeeIt(t *testing.T) {
	p := New(stateDir(t))
	m := launch(t, p, order("r", 2))[1]
	defer terminate(t, p, "r")
	home := p.place("r", 1).home()
	got := output(t, m, `echo "$HOME|$(pwd)|$HOSTNAME|$USER|$LOGNAME|$SHELL|$TMPDIR|$GOFAB_MACHINE"; touch "$TMPDIR/x"; echo secret=$GOFAB_TEST_SECRET`)
	want := strings.Join([]string{home, home, "local-1", userName(), userName(), "/bin/sh", p.place("r", 1).tmp(), "r/local-1"}, "|") + "\nsecret=\n"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	log := output(t, m, "cat var/log/syslog")
	for _, line := range []string{"local-1 gofab[", "machine r/local-1 boots", "Accepted publickey for", "started: ", "ended: exit status 0"} {
		if !strings.Contains(log, line) {
			t.Errorf("no %q in the system log:\n%s", line, log)
		}
	}
	// No file of the machine's own is inherited: a command would keep its lock.
	if fds := output(t, m, "ls /proc/$$/fd"); strings.TrimSpace(fds) != "0\n1\n2" {
		t.Errorf("open files: %q", fds)
	}
}

func TestTTLEndsWhatTriesToEscape(t *testing.T) {
	p := New(stateDir(t))
	spec := order("r", 1)
	spec.TTL = 2 * time.Second
	m := launch(t, p, spec)[0]
	pids := daemons(t, m)
	processes := kin(p, m)
	for _, pid := range pids {
		if !alive(pid) {
			t.Errorf("daemon %d did not live", pid)
		}
	}
	eventually(t, "the machine ends by itself", func() bool {
		left, err := p.Machines(t.Context(), "r")
		return err == nil && len(left) == 0
	})
	for _, pid := range append(pids, processes...) {
		if alive(pid) {
			t.Errorf("%d outlived the machine", pid)
		}
	}
	if log, err := os.ReadFile(p.place("r", 0).syslog()); err != nil || !strings.Contains(string(log), "time to live is over") {
		t.Errorf("last words: %s, %v", log, err)
	}
	terminate(t, p, "r")
}

func TestTerminateEndsWhatTriesToEscape(t *testing.T) {
	p := New(stateDir(t))
	for name, hamper := range map[string]func(place){
		"willing":       func(place) {},
		"stopped":       func(m place) { unix.Kill(m.pid(), unix.SIGSTOP) },
		"killed":        func(m place) { unix.Kill(m.pid(), unix.SIGKILL) },
		"corrupt":       func(m place) { os.WriteFile(m.file("machine.json"), []byte("{"), 0o600) },
		"empty":         func(m place) { os.Truncate(m.file("machine.json"), 0) },
		"without pid":   func(m place) { os.Truncate(m.file("lock"), 0) },
		"without files": func(m place) { os.Remove(m.file("machine.json")); os.Remove(m.file("hostkey")) },
		"unwritable files": func(m place) {
			os.Mkdir(m.home()+"/x", 0o700)
			os.Mkdir(m.home()+"/x/y", 0)
			os.Chmod(m.home()+"/x", 0o500)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := launch(t, p, order(name, 1))[0]
			pids := daemons(t, m)
			if name == "killed" {
				// env -i takes the mark away, and kinship goes with the machine: one cannot be found.
				if pids = slices.DeleteFunc(pids, unmarked(p)); len(pids) != 2 {
					t.Errorf("%d daemons bear the mark", len(pids))
				}
			}
			all := kin(p, m)
			hamper(p.place(name, 0))
			began := time.Now()
			terminate(t, New(p.Root), name)
			t.Logf("took %s", time.Since(began))
			for _, pid := range pids {
				if alive(pid) {
					t.Errorf("%d lives", pid)
				}
			}
			for _, pid := range all {
				if alive(pid) {
					unix.Kill(pid, unix.SIGKILL)
				}
			}
		})
	}
}

func TestAMachineWhoseDirectoryIsGoneEnds(t *testing.T) {
	p := New(stateDir(t))
	m := launch(t, p, order("r", 1))[0]
	pids := daemons(t, m)
	if err := os.RemoveAll(p.Root); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the machine ends", func() bool { return !alive(pids[0]) && !alive(pids[1]) && !alive(pids[2]) })
}

func TestLauncherKilled(t *testing.T) {
	for range 12 {
		p := New(stateDir(t))
		cmd := launcher(t, p, "r", 16)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it begins", func() bool { _, err := os.Stat(p.fleet("r")); return err == nil })
		delay := time.Duration(rand.IntN(120)) * time.Millisecond
		time.Sleep(delay)
		cmd.Process.Kill()
		cmd.Wait()
		machines, err := New(p.Root).Machines(t.Context(), "r")
		if err != nil {
			t.Error(err)
		}
		t.Logf("killed after %s: %d machines", delay, len(machines))
		for _, m := range machines {
			if m.Address == "" || m.HostKey == "" || m.Expires.IsZero() {
				t.Errorf("incomplete: %+v", m)
			}
		}
		terminate(t, New(p.Root), "r")
	}
}

func TestMachinesOutliveTheLauncher(t *testing.T) {
	p := New(stateDir(t))
	cmd := launcher(t, p, "r", 2)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "launched <nil>\n" {
		t.Errorf("%q, %v", line, err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	machines, err := p.Machines(t.Context(), "r")
	if err != nil || len(machines) != 2 {
		t.Fatalf("%v, %v", machines, err)
	}
	if got := output(t, machines[1], "echo alive"); got != "alive\n" {
		t.Error(got)
	}
	terminate(t, p, "r")
}

// Terminate in the middle of a launch, in another process: nothing stays, and the launcher learns.
func TestTerminateDuringLaunch(t *testing.T) {
	for range 6 {
		p := New(stateDir(t))
		cmd := launcher(t, p, "r", 40)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a machine is there", func() bool { m, _ := p.Machines(t.Context(), "r"); return len(m) > 0 })
		terminate(t, p, "r")
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Error(err)
		}
		t.Logf("launcher: %s", line)
		if left, err := p.Machines(t.Context(), "r"); len(left) > 0 || err != nil {
			t.Errorf("left: %v, %v", left, err)
		}
		cmd.Process.Kill()
		cmd.Wait()
	}
}

func TestADeadMachineIsReplaced(t *testing.T) {
	p := New(stateDir(t))
	launch(t, p, order("r", 3))
	defer terminate(t, p, "r")
	eventually(t, "it has booted", func() bool { return p.place("r", 1).pid() != 0 })
	unix.Kill(p.place("r", 1).pid(), unix.SIGKILL)
	eventually(t, "it is dead", func() bool { m, _ := p.Machines(t.Context(), "r"); return len(m) == 2 })
	var names []string
	for _, m := range launch(t, p, order("r", 3)) {
		names = append(names, m.Name)
	}
	if got := strings.Join(names, " "); got != "local-0 local-2 local-3" {
		t.Error(got)
	}
}

func Test64Machines(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, count := range []int{8, 64} {
		p := New(stateDir(t))
		began := time.Now()
		machines := launch(t, p, order("r", count))
		launched := time.Since(began)
		var work sync.WaitGroup
		for _, m := range machines {
			work.Go(func() { cloudtest.Dial(t, m, signer()).Close() })
		}
		work.Wait()
		answered := time.Since(began)
		began = time.Now()
		terminate(t, p, "r")
		t.Logf("%d machines: launched in %s, all answered SSH after %s, terminated in %s", count, launched, answered, time.Since(began))
	}
	eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

func TestWhatLaunchRefuses(t *testing.T) {
	p := New(stateDir(t))
	for name, change := range map[string]func(*cloud.LaunchSpec){
		"run":   func(s *cloud.LaunchSpec) { s.Run = "../x" },
		"dot":   func(s *cloud.LaunchSpec) { s.Run = ".x" },
		"count": func(s *cloud.LaunchSpec) { s.Count = -1 },
		"ttl":   func(s *cloud.LaunchSpec) { s.TTL = 0 },
		"key":   func(s *cloud.LaunchSpec) { s.UserKey = "x" },
	} {
		spec := order("r", 1)
		change(&spec)
		if m, err := p.Launch(t.Context(), spec); err == nil {
			t.Errorf("%s: %v", name, m)
		}
	}
	if files, err := filepath.Glob(p.Root + "/*"); err != nil || len(files) > 0 {
		t.Errorf("%v, %v", files, err)
	}
}
