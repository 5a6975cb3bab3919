// Package payload has a miner for every kind of machine.
//
// The machines have no Go toolchain, and gofab itself may have been started by `go run`, by
// `go install`, or from a release archive on a computer without one. So the miner is looked for
// where each of these leaves it, the cheapest place first:
//
//  1. a file miner-<goos>-<goarch> (or miner_<goos>_<goarch>) beside the gofab executable, in
//     ../libexec/gofab or in ../lib/gofab: release archives and distributions
//  2. a compressed one inside gofab itself (build tag release)
//  3. the cache, $XDG_CACHE_HOME/gofab/payload
//  4. a build from the source that gofab carries, by the go command, into the cache
//
// Everything that reaches the cache got there by a rename, with its checksum beside it, so that
// a gofab that is killed or that shares the cache with others cannot break the next one.
// Versions of the miner that are no longer wanted stay there, like everything in a cache.
package payload

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Store gives miners. Make one with New; it is safe for concurrent use.
type Store struct {
	// Building, if set, is called before a build, which takes from a second to a minute.
	Building func(goos, goarch string)

	source  fs.FS    // go.mod, go.sum, miner and cmd/miner
	packed  fs.FS    // bin/miner-<goos>-<goarch>.gz, as far as there are any
	beside  []string // directories where a release keeps miners
	cache   cache
	command func() (string, error) // where the go command is

	mu    sync.Mutex
	turns map[target]*turn
}

// turn lets one caller at a time look for a target's miner; the others find what it found.
type turn struct {
	taken chan struct{} // holds one element while somebody has the turn
	path  string
	err   error // of a build, which would not go better at once
}

// New makes a store that builds from source, whose root has go.mod, go.sum, miner and cmd/miner.
func New(source fs.FS) *Store {
	return &Store{
		source:  source,
		packed:  packed,
		beside:  besideExecutable(),
		cache:   userCache(),
		command: goCommand,
		turns:   map[target]*turn{},
	}
}

// Miner is the path of a static miner binary for the target, in Go's words (see Target). The file
// is not to be changed. A build ends early with ctx; callers that wait for the same target then
// take over. An error says what is missing and what to do.
func (s *Store) Miner(ctx context.Context, goos, goarch string) (path string, err error) {
	t := target{goos, goarch}
	if !t.known() {
		return "", fmt.Errorf("no miner for %s: build cmd/miner for it yourself and put that file instead of builtin:miner", t)
	}
	turn := s.turn(t)
	select {
	case turn.taken <- struct{}{}:
		defer func() { <-turn.taken }()
	case <-ctx.Done():
		return "", fmt.Errorf("wait for the %s miner: %w", t, context.Cause(ctx))
	}
	if turn.err != nil {
		return "", turn.err
	}
	if turn.path != "" && isFile(turn.path) {
		return turn.path, nil
	}
	path, err = s.find(ctx, t)
	if err != nil {
		err = fmt.Errorf("no miner for %s: %w", t, err)
	}
	turn.path = path
	if ctx.Err() == nil {
		turn.err = err
	}
	return path, err
}

func (s *Store) turn(t target) *turn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turns[t] == nil {
		s.turns[t] = &turn{taken: make(chan struct{}, 1)}
	}
	return s.turns[t]
}

func (s *Store) find(ctx context.Context, t target) (string, error) {
	if path := s.shipped(t); path != "" {
		return path, nil
	}
	if data, err := fs.ReadFile(s.packed, "bin/"+t.file()+".gz"); err == nil {
		return s.cache.get(ctx, digest(data), t.file(), func(w workplace) error { return unpack(data, w.dst) })
	}
	source, err := readSource(s.source)
	if err != nil {
		return "", fmt.Errorf("the miner's source inside gofab: %w", err)
	}
	return s.cache.get(ctx, source.key(), t.file(), func(w workplace) error { return s.build(ctx, source, t, w) })
}

// shipped looks for a miner that came with gofab; empty if there is none.
func (s *Store) shipped(t target) string {
	for _, dir := range s.beside {
		for _, name := range []string{t.file(), "miner_" + t.goos + "_" + t.goarch} {
			if path := filepath.Join(dir, name); isFile(path) {
				return path
			}
		}
	}
	return ""
}

// besideExecutable lists where releases keep miners. Links are followed: a package manager's
// bin/gofab is often one.
func besideExecutable() []string {
	path, err := os.Executable()
	if err != nil {
		return nil
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	dir := filepath.Dir(path)
	return []string{dir, filepath.Join(dir, "..", "libexec", "gofab"), filepath.Join(dir, "..", "lib", "gofab")}
}

// isFile says whether there is a regular file with something in it.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() > 0
}
