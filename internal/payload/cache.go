package payload

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// cache is the directory of finished binaries: <key>/<name>, with a checksum in <key>/<name>.sha256.
// What is being made lies in tmp-*, and moves by rename only.
type cache struct {
	dir string // empty when there is no place for it
}

// userCache is $XDG_CACHE_HOME/gofab/payload, or ~/.cache/gofab/payload, on every system.
func userCache() cache {
	base := os.Getenv("XDG_CACHE_HOME")
	if !filepath.IsAbs(base) { // the XDG specification: relative paths are to be ignored
		home, err := os.UserHomeDir()
		if err != nil {
			return cache{}
		}
		base = filepath.Join(home, ".cache")
	}
	return cache{filepath.Join(base, "gofab", "payload")}
}

// workplace is where a file is made. The directory is new, empty, and removed afterwards.
type workplace struct {
	dir  string
	dst  string   // the file that is wanted
	lock *os.File // a child that inherits it keeps others from starting the same work, even after our death
}

// get is the path of an intact file, made now if need be. Processes that want the same file wait
// for one another; where that is impossible they make it twice, and each result is whole.
func (c cache) get(ctx context.Context, key, name string, make func(workplace) error) (path string, err error) {
	if c.dir == "" {
		return "", errors.New("there is no place for a cache: set HOME or XDG_CACHE_HOME")
	}
	path = filepath.Join(c.dir, key, name)
	if intact(path) {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("%w: set XDG_CACHE_HOME to a directory that can be written", err)
	}
	lock, held, err := lock(ctx, filepath.Join(c.dir, name+".lock"))
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if intact(path) { // made while we waited
		return path, nil
	}
	if held {
		c.sweep(name)
	}
	dir, err := os.MkdirTemp(c.dir, "tmp-"+name+"-")
	if err != nil {
		return "", fmt.Errorf("%w: set XDG_CACHE_HOME to a directory that can be written", err)
	}
	defer os.RemoveAll(dir) // what it leaves is swept the next time

	w := workplace{dir: dir, dst: filepath.Join(dir, name), lock: lock}
	if err := make(w); err != nil {
		return "", err
	}
	if err := install(w.dst, path); err != nil {
		return "", fmt.Errorf("keep the miner in the cache: %w", err)
	}
	return path, nil
}

// sweep removes what killed processes left of a file. Only who holds its lock may do this.
func (c cache) sweep(name string) {
	left, _ := filepath.Glob(filepath.Join(c.dir, "tmp-"+name+"-*")) // a bad pattern, from a strange path, sweeps nothing
	for _, dir := range left {
		os.RemoveAll(dir)
	}
}

// install moves a finished file to its place. Between the two renames, and after a crash there,
// the checksum may not fit, which only means that the file is made again.
func install(made, path string) error {
	sum, err := checksum(made)
	if err != nil {
		return err
	}
	if err := os.Chmod(made, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(made+".sha256", sum, 0o644); err != nil {
		return err
	}
	if err := os.Rename(made+".sha256", path+".sha256"); err != nil {
		return err
	}
	return os.Rename(made, path)
}

// intact says whether a file is there, is executable, and has the content that it was given.
func intact(path string) bool {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o111 == 0 {
		return false
	}
	want, err := os.ReadFile(path + ".sha256")
	if err != nil {
		return false
	}
	got, err := checksum(path)
	return err == nil && bytes.Equal(got, want)
}

// checksum is the file's SHA-256 in hex and a line feed.
func checksum(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return nil, err
	}
	return append(hex.AppendEncode(nil, sum.Sum(nil)), '\n'), nil
}

// digest is a short name for content.
func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:12])
}
