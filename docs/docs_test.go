// Package docs_test keeps the documentation true: its playbooks are run, its links followed, and
// what it says of flags, exit statuses, fields and packages is compared with what there is.
package docs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// root is the repository, seen from this package's directory.
const root = ".."

var (
	gofab   string   // a binary built for these tests
	goDirs  []string // GOCACHE=… and the like: HOME is another one while examples run
	scratch string
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if err := build(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(scratch)
		return m.Run()
	}())
}

func build() (err error) {
	if scratch, err = os.MkdirTemp("", "gofab-docs-"); err != nil {
		return err
	}
	gofab = filepath.Join(scratch, "gofab")
	if out, err := exec.Command("go", "build", "-o", gofab, "github.com/gofab/gofab").CombinedOutput(); err != nil {
		return fmt.Errorf("build gofab: %w\n%s", err, out)
	}
	out, err := exec.Command("go", "env", "-json", "GOCACHE", "GOMODCACHE", "GOPATH").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	var env map[string]string
	if err := json.Unmarshal(out, &env); err != nil {
		return err
	}
	for name, value := range env {
		goDirs = append(goDirs, name+"="+value)
	}
	return nil
}

// page is one file of the documentation.
type page struct {
	name string // relative to the repository
	text string
}

// pages are the README and all that is under docs.
func pages(t *testing.T) []page {
	t.Helper()
	names := []string{"README.md", "CHANGELOG.md"}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(name) == ".md" {
			rel, _ := filepath.Rel(root, name)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []page
	for _, name := range names {
		all = append(all, page{name, read(t, name)})
	}
	return all
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// home is a directory to run gofab in, with a state of its own.
type home struct {
	dir string
	env []string
}

func newHome(t *testing.T) home {
	t.Helper()
	dir := t.TempDir()
	work := filepath.Join(dir, "work")
	if err := os.Mkdir(work, 0o755); err != nil {
		t.Fatal(err)
	}
	env := append([]string{
		"HOME=" + dir, "XDG_STATE_HOME=" + filepath.Join(dir, "state"), "XDG_CACHE_HOME=" + filepath.Join(scratch, "cache"),
		"PATH=" + os.Getenv("PATH"), "GOFLAGS=" + os.Getenv("GOFLAGS"), "GOPROXY=" + os.Getenv("GOPROXY"), "GOTOOLCHAIN=" + os.Getenv("GOTOOLCHAIN"), "LANG=C.UTF-8",
	}, goDirs...)
	h := home{work, env}
	t.Cleanup(func() {
		if _, _, code := h.run(t, "scram", "--all"); code != 0 {
			t.Errorf("scram --all: exit status %d", code)
		}
	})
	return h
}

// run runs gofab in the home.
func (h home) run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, gofab, args...)
	cmd.Dir, cmd.Env = h.dir, h.env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("gofab %s: %v", strings.Join(args, " "), err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}
