package cli_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// realGofab builds gofab as its users do, without what the tests add: for tests about how much it
// needs, and about what it carries.
func realGofab(t *testing.T) string {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "gofab")
	build := exec.Command("go", "build", "-o", exe, ".")
	build.Dir = os.Getenv(rootEnv)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return exe
}

// A crowd: 64 machines, by a gofab that builds the miner from what it carries.
func TestCrowd(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	cmd := gofabAs(realGofab(t), home, "play", "search.yaml", "-e", "N=64", "-e", "D=5", "-e", "T=120")
	cmd.Env = append(cmd.Env, rootEnv+"=/nonexistent", "XDG_CACHE_HOME="+filepath.Join(home, "cache"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	logs, _ := filepath.Glob(filepath.Join(home, "logs", "Instance*.log"))
	objects, _ := filepath.Glob(filepath.Join(stateOf(home), "runs/*/bucket/logs/Instance*.log"))
	if len(logs) != 64 || len(objects) != 64 || !bytes.Contains(out, []byte(" of 64\n")) {
		t.Errorf("%d logs, %d objects\n%s", len(logs), len(objects), out)
	}
	endClean(t, home)
}

const (
	floodHosts = 8
	floodLines = 20 // of a megabyte, on each host
	floodLimit = 200 << 10
)

// A flood of long lines that are no UTF-8, from all hosts at once: nothing is lost, no line is
// broken into, and gofab does not grow with it.
func TestFlood(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	book := fmt.Sprintf(`
steps:
  - provision: %d
  - run-parallel: |
      line=$(head -c 1000000 /dev/zero | tr '\0' '\377')
      i=0
      while [ $i -lt %d ]; do
        printf '%%s %%s \377\n' $i "$line"
        i=$((i+1))
        sleep 0.1
      done
`, floodHosts, floodLines)
	if err := os.WriteFile(filepath.Join(home, "flood.yaml"), []byte(book), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(home, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	var stderr bytes.Buffer
	cmd := gofabAs(realGofab(t), home, "play", "flood.yaml")
	cmd.Stdout, cmd.Stderr = out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	if peak := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss; peak > floodLimit {
		t.Errorf("gofab took %d MB", peak>>10)
	}
	countFlood(t, out.Name())
	endClean(t, home)
}

// countFlood checks that every host's lines are there, whole and in order.
func countFlood(t *testing.T, file string) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	next := map[string]int{}
	body := strings.Repeat("\xff", 1000000)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		host, rest, _ := strings.Cut(lines.Text(), " ")
		if want := fmt.Sprintf("%d %s \xff", next[host], body); rest != want {
			t.Fatalf("line %d of %s has %d bytes and begins with %.20q", next[host], host, len(rest), rest)
		}
		next[host]++
	}
	if err := lines.Err(); err != nil || len(next) != floodHosts {
		t.Errorf("%d hosts, %v", len(next), err)
	}
	for host, n := range next {
		if n != floodLines {
			t.Errorf("%s: %d lines", host, n)
		}
	}
}
