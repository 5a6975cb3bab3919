// Package bench measures gofab from outside: what a play costs besides the work in it.
//
//	make bench
//
// A round is a whole process: it reads the playbook, starts N local machines, logs in to each, runs `true` once on all of
// them, and ends and removes everything. The machines share this computer's processors, so the numbers say how gofab's own
// work grows with N, and nothing about machines elsewhere.
package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const playbook = `
vars: {N: 1}
steps:
  - provision: "{{ N }}"
  - run-parallel: "true"
`

func BenchmarkPlay(b *testing.B) {
	dir := b.TempDir()
	gofab := filepath.Join(dir, "gofab")
	if out, err := exec.Command("go", "build", "-o", gofab, "github.com/gofab/gofab").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "play.yaml"), []byte(playbook), 0o644); err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("N=%d", n), func(b *testing.B) {
			for b.Loop() {
				cmd := exec.Command(gofab, "play", "play.yaml", "-q", "-e", fmt.Sprintf("N=%d", n))
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(dir, "state"))
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
			}
		})
	}
}
