package remote

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// stream fetches the directory from without asking for each file. All of it is received into a
// directory of its own within root, and is moved to its places when it is whole.
func (g *getter) stream(ctx context.Context, from string) (err error) {
	if g.conn.noTar.Load() {
		return errNoStream
	}
	if from, err = g.client.RealPath(from); err != nil { // a command may begin in another directory
		return errNoStream
	}
	name := ".gofab-" + rand.Text()
	if err := g.root.Mkdir(name, 0o700); err != nil {
		return locally(err)
	}
	defer func() {
		if tidyErr := g.root.RemoveAll(name); err == nil {
			err = locally(tidyErr)
		}
	}()
	stage, err := g.root.OpenRoot(name)
	if err != nil {
		return locally(err)
	}
	defer stage.Close()
	a := &arrivals{root: stage}
	err = g.conn.receive(ctx, getTree, []string{from}, func(r io.Reader) error { return a.read(r) })
	if err != nil {
		return err
	}
	if err := g.place(stage, name, "."); err != nil {
		return locally(err)
	}
	g.files.Add(int64(a.files))
	g.bytes.Add(a.bytes)
	return nil
}

// place moves what lies in dir of stage, a directory called name, to where it belongs. It does not
// go by fs.FS, for which only UTF-8 is a name.
func (g *getter) place(stage *os.Root, name, dir string) error {
	in, err := stage.Open(dir)
	if err != nil {
		return err
	}
	entries, err := in.ReadDir(-1)
	in.Close()
	if err != nil {
		return err
	}
	for _, d := range entries {
		rel := path.Join(dir, d.Name())
		if !d.IsDir() {
			err = g.root.Rename(path.Join(name, rel), rel)
		} else if err = g.root.Mkdir(rel, 0o777); err == nil || errors.Is(err, fs.ErrExist) {
			err = g.place(stage, name, rel)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// arrivals are the files of an archive that a host sends. The host is not trusted: names that lead
// out of root are refused here, links that do by root itself.
type arrivals struct {
	root  *os.Root
	begun bool // the directory itself has come, as the first
	files int
	bytes int64
}

func (a *arrivals) read(r io.Reader) error {
	buf := buffers.Get().(*[blockSize]byte)
	defer buffers.Put(buf)
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		switch {
		case err == io.EOF && a.begun:
			return nil
		case err != nil:
			return broken(err)
		}
		if err := a.take(h, archive, buf[:]); err != nil {
			return err
		}
	}
}

// broken leaves a stream that broke to SFTP, unless we have broken it.
func broken(err error) error {
	var local *localError
	if err == nil || errors.As(err, &local) {
		return err
	}
	return fmt.Errorf("%w (%v)", errNoStream, err)
}

func (a *arrivals) take(h *tar.Header, content io.Reader, buf []byte) error {
	name := path.Clean(h.Name)
	if !filepath.IsLocal(name) || strings.ContainsRune(name, 0) {
		return fmt.Errorf("the host sends a file with the impossible name %q", h.Name)
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if name == "." {
			a.begun = true
			return nil
		}
		return a.refused(h, a.root.Mkdir(name, 0o700))
	case tar.TypeSymlink:
		a.files++
		return a.refused(h, a.root.Symlink(h.Linkname, name))
	case tar.TypeLink:
		return a.again(h, name, buf)
	case tar.TypeReg, tar.TypeGNUSparse:
		if sparse(h) {
			return errNoStream // a few bytes could fill the disk
		}
		return a.file(h, name, content, buf)
	}
	return nil // neither a file nor a directory
}

func (a *arrivals) file(h *tar.Header, name string, content io.Reader, buf []byte) error {
	out, err := a.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, localMode(h.FileInfo().Mode()))
	if err != nil {
		return a.refused(h, err)
	}
	// Without the wrappers, io would look for better ways than buf.
	n, err := io.CopyBuffer(struct{ io.Writer }{localWriter{out}}, struct{ io.Reader }{content}, buf)
	if closeErr := out.Close(); err == nil {
		err = locally(closeErr)
	}
	if err != nil {
		return broken(err)
	}
	a.files++
	a.bytes += n
	return nil
}

// again makes a file of its own of one that the host has under two names.
func (a *arrivals) again(h *tar.Header, name string, buf []byte) error {
	first := path.Clean(h.Linkname)
	info, err := a.root.Lstat(first)
	if err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("the host sends %q as another name of %q, which is no file that it has sent", h.Name, h.Linkname)
	}
	in, err := a.root.Open(first)
	if err != nil {
		return locally(err)
	}
	defer in.Close()
	h.Mode = int64(info.Mode().Perm())
	return a.file(h, name, in, buf)
}

// refused words an entry that finds no place: a host that is honest sends none.
func (a *arrivals) refused(h *tar.Header, err error) error {
	var errno interface{ Temporary() bool }
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist), errors.Is(err, fs.ErrNotExist), !errors.As(err, &errno):
		return fmt.Errorf("the host sends %q where it cannot be: %w", h.Name, err)
	}
	return locally(err)
}

// sparse tells files with holes, which have no bytes in the archive.
func sparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// localWriter marks its errors as ours.
type localWriter struct{ *os.File }

func (w localWriter) Write(b []byte) (int, error) {
	n, err := w.File.Write(b)
	return n, locally(err)
}
