//go:build linux

package local

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/cloudtest"
)

// TestMain lets the test binary be a machine, and a launcher that a test may kill.
func TestMain(m *testing.M) {
	if IsMachine(os.Args) {
		os.Exit(Main(os.Args))
	}
	if len(os.Args) == 5 && os.Args[1] == "__launch" {
		count, _ := strconv.Atoi(os.Args[4])
		_, err := New(os.Args[2]).Launch(context.Background(), order(os.Args[3], count))
		fmt.Println("launched", err)
		select {}
	}
	os.Exit(m.Run())
}

func TestContract(t *testing.T) {
	cloudtest.Run(t, cloudtest.Config{
		New: func(t *testing.T) cloud.Provider { return New(stateDir(t)) },
		Reopen: func(t *testing.T, p cloud.Provider) cloud.Provider {
			return New(p.(*Provider).Root)
		},
		SSH:    true,
		Signer: signer(),
		TTL:    1500 * time.Millisecond,
	})
}

// stateDir is a fresh one. When the test ends, no process may bear its mark.
func stateDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() {
		eventually(t, "all processes end", func() bool { return len(marked(dir+"/")) == 0 })
	})
	return dir
}

func signer() ssh.Signer {
	s, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize)))
	if err != nil {
		panic(err)
	}
	return s
}

func order(run string, count int) cloud.LaunchSpec {
	return cloud.LaunchSpec{Run: run, Count: count, TTL: time.Minute, UserKey: string(ssh.MarshalAuthorizedKey(signer().PublicKey()))}
}

func launch(t *testing.T, p *Provider, spec cloud.LaunchSpec) []cloud.Machine {
	t.Helper()
	machines, err := p.Launch(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return machines
}

// terminate ends the run and checks that nothing is left of it.
func terminate(t *testing.T, p *Provider, run string) {
	t.Helper()
	if err := p.Terminate(t.Context(), run); err != nil {
		t.Error(err)
	}
	if left, err := p.Machines(t.Context(), run); len(left) > 0 || err != nil {
		t.Errorf("left: %v, %v", left, err)
	}
	if places, err := p.places(run); len(places) > 0 || err != nil {
		t.Errorf("directories left: %v, %v", places, err)
	}
	if left := marked(p.fleet(run) + "/"); len(left) > 0 {
		t.Errorf("processes left: %v", left)
	}
}

// output runs a command on a machine.
func output(t *testing.T, m cloud.Machine, command string) string {
	t.Helper()
	s, err := cloudtest.Dial(t, m, signer()).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out, err := s.CombinedOutput(command)
	if err != nil {
		t.Errorf("%s: %v: %s", command, err, out)
	}
	return string(out)
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("waited in vain: %s\n%s", what, buf[:runtime.Stack(buf, true)])
		}
	}
}

// daemons starts three processes that go out of their way to be lost, and returns their ids.
func daemons(t *testing.T, m cloud.Machine) []int {
	t.Helper()
	out := output(t, m, `
		nohup sleep 1000 >/dev/null 2>&1 & echo $!
		setsid sh -c 'trap "" TERM INT HUP; echo $$; exec >/dev/null 2>&1; sleep 1000; sleep 1000' &
		env -i "$(command -v setsid)" /bin/sh -c '/bin/sh -c "echo \$\$; exec >/dev/null 2>&1; exec /bin/sleep 1000" & sleep .1' &
		sleep .2`)
	var pids []int
	for line := range strings.Lines(out) {
		if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
			pids = append(pids, pid)
		}
	}
	if len(pids) != 3 {
		t.Fatalf("daemons: %q", out)
	}
	return pids
}

func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}

func unmarked(p *Provider) func(pid int) bool {
	pids := marked(p.Root + "/")
	return func(pid int) bool { return !slices.Contains(pids, pid) }
}

// kin lists the processes of a machine: itself and its descendants.
func kin(p *Provider, m cloud.Machine) []int {
	number, _ := numberOf(m.Name)
	place := p.place(m.Run, number)
	return append(descendants(place.pid()), place.pid())
}

func launcher(t *testing.T, p *Provider, run string, count int) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "__launch", p.Root, run, strconv.Itoa(count))
	cmd.Stderr = os.Stderr
	return cmd
}
