package payload

import (
	"bytes"
	"compress/gzip"
	"context"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"
)

// fixture is a store as `go run` has it: the source, and nothing beside. It counts its builds.
type fixture struct {
	*Store
	builds atomic.Int32
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{Store: New(os.DirFS("../.."))}
	f.beside = []string{t.TempDir()}
	f.packed = fstest.MapFS{}
	f.cache = cache{filepath.Join(t.TempDir(), "gofab", "payload")}
	f.Building = func(string, string) { f.builds.Add(1) }
	return f
}

// again is the same installation in another process.
func (f *fixture) again() *fixture {
	g := &fixture{Store: New(f.source)}
	g.beside, g.packed, g.cache, g.command = f.beside, f.packed, f.cache, f.command
	g.Building = func(string, string) { g.builds.Add(1) }
	return g
}

// miner gets the miner for this machine, which has to work.
func (f *fixture) miner(t *testing.T) string {
	t.Helper()
	path, err := f.Miner(t.Context(), runtime.GOOS, runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	output, err := exec.Command(path, "--difficulty", "2").Output()
	if err != nil || !strings.HasPrefix(string(output), "golden nonce 116 ") {
		t.Fatalf("%s: %q, %v", path, output, err)
	}
	return path
}

// expect checks how many builds there were, and that nothing lies about in the cache.
func (f *fixture) expect(t *testing.T, builds int32) {
	t.Helper()
	if got := f.builds.Load(); got != builds {
		t.Errorf("%d builds, want %d", got, builds)
	}
	if left, _ := filepath.Glob(filepath.Join(f.cache.dir, "tmp-*")); left != nil {
		t.Errorf("left in the cache: %q", left)
	}
}

func TestBuildForBothServerProcessors(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, test := range []struct {
		goarch  string
		machine elf.Machine
	}{{"amd64", elf.EM_X86_64}, {"arm64", elf.EM_AARCH64}} {
		path, err := f.Miner(t.Context(), "linux", test.goarch)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o755 || info.Size() >= 4<<20 {
			t.Errorf("%s: mode %v, %d bytes", path, info.Mode(), info.Size())
		}
		binary, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if binary.Machine != test.machine {
			t.Errorf("%s: it is for %s", path, binary.Machine)
		}
		for _, program := range binary.Progs {
			if program.Type == elf.PT_INTERP {
				t.Errorf("%s: it is not static", path)
			}
		}
		binary.Close()
	}
	f.expect(t, 2)
}

func TestCacheIsUsed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first := f.miner(t)
	if second := f.miner(t); second != first {
		t.Errorf("the second call gives %s, the first %s", second, first)
	}
	f.expect(t, 1)

	g := f.again()
	g.command = func() (string, error) { return "", errors.New("go was asked for") }
	if second := g.miner(t); second != first {
		t.Errorf("the second process gets %s, the first %s", second, first)
	}
	g.expect(t, 0)
}

func TestDamagedCacheIsRepaired(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	path := f.miner(t)
	for name, damage := range map[string]func() error{
		"empty":       func() error { return os.Truncate(path, 0) },
		"cut":         func() error { return os.Truncate(path, 100_000) },
		"gone":        func() error { return os.Remove(path) },
		"no checksum": func() error { return os.Remove(path + ".sha256") },
		"not for execution": func() error {
			return os.Chmod(path, 0o644)
		},
		"one bit": func() error {
			file, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = file.WriteAt([]byte("x"), 200_000)
			return errors.Join(err, file.Close())
		},
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		g := f.again()
		if got := g.miner(t); got != path {
			t.Errorf("%s: got %s, want %s", name, got, path)
		}
		g.expect(t, 1)
	}
}

func TestConcurrentCalls(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	others := []*fixture{f, f.again()} // two processes with one cache
	var calls sync.WaitGroup
	for i := range 16 {
		calls.Go(func() {
			if _, err := others[i%2].Miner(t.Context(), runtime.GOOS, runtime.GOARCH); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if builds := others[0].builds.Load() + others[1].builds.Load(); builds != 1 {
		t.Errorf("it was built %d times", builds)
	}
	g := f.again()
	g.miner(t)
	g.expect(t, 0)
}

// Whatever is set for the user's own builds must not reach the miner.
func TestEnvironmentOfTheUser(t *testing.T) {
	for name, value := range map[string]string{
		"GOFLAGS": "-mod=vendor -race -tags=netgo", "GOWORK": "/nowhere/go.work", "GO111MODULE": "off", "CGO_ENABLED": "1",
		"GOOS": "plan9", "GOARCH": "386", "GOAMD64": "v3", "GOEXPERIMENT": "", "GOPROXY": "off", "GOTOOLCHAIN": "local",
	} {
		t.Setenv(name, value)
	}
	t.Setenv("GOMODCACHE", t.TempDir()) // nothing may be downloaded, either
	f := newFixture(t)
	f.miner(t)
	f.expect(t, 1)
}

func TestNoToolchain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.command = func() (string, error) { return "", errors.New("there is no go command to build it") }
	_, err := f.Miner(t.Context(), "linux", "arm64")
	want := "no miner for linux/arm64: gofab has no binary of it at hand (looked in " + f.beside[0] + ") and there is no go command to build it: " +
		"put miner-linux-arm64 beside gofab, or install Go (https://go.dev/dl)"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	f.expect(t, 0)
}

func TestNoPlaceForACache(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cache = cache{}
	if _, err := f.Miner(t.Context(), "linux", "amd64"); err == nil || !strings.Contains(err.Error(), "set HOME or XDG_CACHE_HOME") {
		t.Errorf("got %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f = newFixture(t)
	f.cache = cache{filepath.Join(file, "gofab")}
	if _, err := f.Miner(t.Context(), "linux", "amd64"); err == nil || !strings.Contains(err.Error(), "set XDG_CACHE_HOME to a directory") {
		t.Errorf("got %v", err)
	}
}

func TestUnknownTarget(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, target := range [][2]string{{"plan9", "amd64"}, {"linux", "mips"}, {"../x", "amd64"}, {"", ""}} {
		if _, err := f.Miner(t.Context(), target[0], target[1]); err == nil || !strings.HasPrefix(err.Error(), "no miner for ") {
			t.Errorf("%q: got %v", target, err)
		}
	}
	f.expect(t, 0)
}

func TestBuildThatFails(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.source = fstest.MapFS{
		"go.mod":            {Data: []byte("module m\ngo 1.26\n")},
		"go.sum":            {},
		"miner/miner.go":    {Data: []byte("package miner\n")},
		"cmd/miner/main.go": {Data: []byte("package main\nfunc main() { broken }\n")},
	}
	for range 2 { // the second caller is not made to wait for the same failure
		_, err := f.Miner(t.Context(), "linux", "amd64")
		if err == nil || !strings.Contains(err.Error(), "undefined: broken") || !strings.Contains(err.Error(), "put miner-linux-amd64 beside gofab") {
			t.Errorf("got %v", err)
		}
	}
	f.expect(t, 1)
}

func TestShippedBeside(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.beside = append(f.beside, t.TempDir())
	for _, want := range []string{ // each goes before the one above it
		filepath.Join(f.beside[1], "miner_linux_arm64"),
		filepath.Join(f.beside[1], "miner-linux-arm64"),
		filepath.Join(f.beside[0], "miner-linux-arm64"),
	} {
		if err := os.WriteFile(want, []byte("binary"), 0o600); err != nil {
			t.Fatal(err)
		}
		if path, err := f.again().Miner(t.Context(), "linux", "arm64"); err != nil || path != want {
			t.Errorf("got %s, %v, want %s", path, err, want)
		}
	}
	f.expect(t, 0)
}

func TestPackedInside(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	built, err := os.ReadFile(f.miner(t))
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err := writer.Write(built); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}

	name := "bin/miner-" + runtime.GOOS + "-" + runtime.GOARCH + ".gz"
	g := newFixture(t)
	g.command = func() (string, error) { return "", errors.New("go was asked for") }
	g.packed = fstest.MapFS{name: {Data: packed.Bytes()}}
	path := g.miner(t)
	if err := os.Truncate(path, 10); err != nil {
		t.Fatal(err)
	}
	if again := g.again().miner(t); again != path {
		t.Errorf("got %s, then %s", path, again)
	}
	g.expect(t, 0)

	g = newFixture(t)
	g.packed = fstest.MapFS{name: {Data: packed.Bytes()[:packed.Len()/2]}}
	if path, err := g.Miner(t.Context(), runtime.GOOS, runtime.GOARCH); err == nil {
		t.Errorf("half a miner is given out as %s", path)
	}
	g.expect(t, 0)
}

func TestCancelledBuild(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	slow, started := filepath.Join(dir, "go"), filepath.Join(dir, "started")
	if err := os.WriteFile(slow, []byte("#!/bin/sh\n: >'"+started+"'\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	f := newFixture(t)
	f.command = func() (string, error) { return slow, nil }
	cause := errors.New("the play is over")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for !isThere(started) && t.Context().Err() == nil {
			time.Sleep(time.Millisecond) // another process is awaited
		}
		cancel(cause)
	}()
	began := time.Now()
	if _, err := f.Miner(ctx, runtime.GOOS, runtime.GOARCH); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %s", took)
	}
	f.expect(t, 1)
	f.command = goCommand
	f.miner(t) // the store is not spoilt
}

func isThere(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func TestLeftoversOfAKill(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	name := "miner-" + runtime.GOOS + "-" + runtime.GOARCH
	left := filepath.Join(f.cache.dir, "tmp-"+name+"-1", "src")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	f.miner(t)
	f.expect(t, 1)
}

// A build that outlives its gofab is waited for, rather than doubled.
func TestWaitsForTheLock(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if err := os.MkdirAll(f.cache.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(f.cache.dir, "miner-"+runtime.GOOS+"-"+runtime.GOARCH+".lock")
	orphan, held, err := lock(t.Context(), name)
	if err != nil || !held {
		t.Fatal(held, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := f.Miner(ctx, runtime.GOOS, runtime.GOARCH); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	f.expect(t, 0)
	orphan.Close()
	f.miner(t)
	f.expect(t, 1)
}

func TestSourceLeavesTestsOut(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{}
	for _, name := range []string{
		"go.mod", "go.sum", "cmd/miner/main.go", "miner/a.go", "miner/a_amd64.s", "miner/a.h", "miner/sub/b.go",
		"miner/a_test.go", "miner/testdata/a.go", "miner/README.md", "runner/run.go", "main.go",
	} {
		tree[name] = &fstest.MapFile{Data: []byte(name)}
	}
	files, err := readSource(tree)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 7 {
		t.Errorf("got %d files: %v", len(files), files)
	}
	before := files.key()
	files["miner/a.go"] = []byte("changed")
	if files.key() == before {
		t.Error("another source has the same key")
	}
}
