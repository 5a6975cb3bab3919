// Package dir keeps a run's bucket and queue as directories, for providers that have no cloud
// behind them. A person needs nothing but ls, cat and echo to use either.
package dir

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofab/gofab/internal/cloud"
)

// Storage implements cloud.Bucket and cloud.Queue under <Root>/<run>/bucket and
// <Root>/<run>/queue. Providers embed it.
type Storage struct {
	Root string
}

// Upload copies the file into the run's bucket; under its key it appears whole or not at all,
// and replaces what was there. A key that is absolute, not clean or leads out of the bucket is
// refused. There is one bucket for each run, whatever its name.
func (s Storage) Upload(ctx context.Context, o cloud.Object) (cloud.Stored, error) {
	if err := CheckRun(o.Run); err != nil {
		return cloud.Stored{}, err
	}
	if err := o.CheckKey(); err != nil {
		return cloud.Stored{}, err
	}
	dest := filepath.Join(s.Root, o.Run, "bucket", filepath.FromSlash(o.Key))
	if err := os.MkdirAll(filepath.Dir(dest), 0o700); err != nil {
		return cloud.Stored{}, fmt.Errorf("upload: %w", err)
	}
	if same(ctx, o.File, dest) {
		return cloud.Stored{Place: dest, Unchanged: true}, nil
	}
	if err := copyWhole(ctx, o.File, dest); err != nil {
		return cloud.Stored{}, fmt.Errorf("upload %s: %w", o.Key, err)
	}
	return cloud.Stored{Place: dest}, nil
}

// same reports whether both are regular files with the same content. Where that cannot be seen,
// they are not.
func same(ctx context.Context, one, other string) bool {
	var sums [2][]byte
	for i, name := range []string{one, other} {
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			return false
		}
		f, err := os.Open(name)
		if err != nil {
			return false
		}
		defer f.Close()
		sum := sha256.New()
		if _, err := io.Copy(sum, contextReader{ctx, f}); err != nil {
			return false
		}
		sums[i] = sum.Sum(nil)
	}
	return bytes.Equal(sums[0], sums[1])
}

// copyWhole copies a regular file so that dest is never seen half written.
func copyWhole(ctx context.Context, file, dest string) (err error) {
	src, err := os.Open(file)
	if err != nil {
		return err
	}
	defer src.Close()
	if info, err := src.Stat(); err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", file)
	}
	temp, err := os.CreateTemp(filepath.Dir(dest), ".upload-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(temp.Name())
		}
	}()
	_, err = io.Copy(temp, contextReader{ctx, src})
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(temp.Name(), dest)
}

// contextReader ends a copy between two reads when ctx ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}

// CheckRun refuses a run's name that is not the name of one ordinary directory.
func CheckRun(run string) error {
	if run == "" || strings.HasPrefix(run, ".") || strings.ContainsAny(run, "/\\\x00") {
		return fmt.Errorf("run name %q cannot name a directory", run)
	}
	return nil
}
