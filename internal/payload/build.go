package payload

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// recipe is how the go command is called, before the output file and the package.
var recipe = []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"}

// settings override whatever the user has set for his own builds, in the environment or with
// `go env -w`: the miner runs on other machines than his. Where a processor has levels, the
// lowest is taken. What a download needs (GOPROXY, GOTOOLCHAIN, …) stays the user's.
var settings = []string{
	"CGO_ENABLED=0",
	"GO111MODULE=on",
	"GOEXPERIMENT=",
	"GOFIPS140=off",
	"GOFLAGS=-mod=readonly", // empty would mean the one of `go env -w`
	"GOWORK=off",
	"GO386=sse2",
	"GOAMD64=v1",
	"GOARM=6",
	"GOARM64=v8.0",
	"GOPPC64=power8",
	"GORISCV64=rva20u64",
}

// source is the files that a build needs, by their paths.
type source map[string][]byte

// readSource takes from a tree what the miner is built from, without tests.
func readSource(tree fs.FS) (source, error) {
	files := source{}
	for _, root := range []string{"go.mod", "go.sum", "miner", "cmd/miner"} {
		err := fs.WalkDir(tree, root, func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && entry.Name() == "testdata":
				return fs.SkipDir
			case entry.IsDir() || !needed(name):
				return nil
			}
			files[name], err = fs.ReadFile(tree, name)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

func needed(name string) bool {
	switch path.Ext(name) {
	case ".mod", ".sum", ".s", ".h":
		return true
	case ".go":
		return !strings.HasSuffix(name, "_test.go")
	}
	return false
}

// key names what would be built from the source. The Go version in it is the one that gofab was
// built with: asking the go command for its own would cost more than all the rest of a warm call.
func (s source) key() string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %q %q\n", runtime.Version(), recipe, settings)
	for _, name := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(sum, "%s %d\n%s", name, len(s[name]), s[name])
	}
	return hex.EncodeToString(sum.Sum(nil)[:12])
}

func (s source) extract(dir string) error {
	for name, data := range s {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// build makes the miner for a target.
func (s *Store) build(ctx context.Context, from source, t target, w workplace) error {
	command, err := s.command()
	if err != nil {
		return fmt.Errorf("gofab has no binary of it at hand (looked in %s) and %w: put %s beside gofab, or install Go (https://go.dev/dl)",
			strings.Join(s.beside, ", "), err, t.file())
	}
	if s.Building != nil {
		s.Building(t.goos, t.goarch)
	}
	tree := filepath.Join(w.dir, "src")
	if err := from.extract(tree); err != nil {
		return err
	}
	build := exec.CommandContext(ctx, command, append(slices.Clone(recipe), "-o", w.dst, "./cmd/miner")...)
	build.Dir = tree
	build.Env = append(build.Environ(), settings...)
	build.Env = append(build.Env, "GOOS="+t.goos, "GOARCH="+t.goarch, "GOTMPDIR="+w.dir)
	build.ExtraFiles = []*os.File{w.lock}
	build.Cancel = func() error { return build.Process.Signal(os.Interrupt) } // then go ends its children
	build.WaitDelay = 2 * time.Second

	output, err := build.CombinedOutput()
	if ctx.Err() != nil {
		return fmt.Errorf("build it with %s: %w", command, context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("build it with %s: %w\n%s\nput %s beside gofab, or try with another Go", command, err, bytes.TrimSpace(output), t.file())
	}
	return nil
}

// goCommand finds the go command: on PATH, in the tree that gofab was built with, or where Go's
// own installer puts it, which login shells alone have on their PATH.
func goCommand() (string, error) {
	if found, err := exec.LookPath("go"); err == nil {
		return found, nil
	}
	//lint:ignore SA1019 a guess like the others: it is not trusted to be there
	for _, root := range []string{os.Getenv("GOROOT"), runtime.GOROOT(), "/usr/local/go"} {
		if root == "" {
			continue
		}
		if found, err := exec.LookPath(filepath.Join(root, "bin", "go")); err == nil {
			return found, nil
		}
	}
	return "", errors.New("there is no go command to build it")
}
