package remote

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// archive is a local directory as a tar stream, in the form that puttree.sh wants. There are no
// entries for directories in it: those that tar makes on its way get the modes that the host
// gives to new directories.
type archive struct {
	p     *putter
	src   string
	to    string   // within the archive
	files []string // what it holds, relative to src

	tar     *tar.Writer
	buf     *[blockSize]byte
	barren  map[string]bool // directories in which nothing was found so far
	ordered []string        // those that were barren once
}

func (a *archive) write(w io.Writer) error {
	a.tar, a.barren = tar.NewWriter(w), make(map[string]bool)
	a.buf = buffers.Get().(*[blockSize]byte)
	defer buffers.Put(a.buf)
	if err := filepath.WalkDir(a.src, a.add); err != nil {
		return err
	}
	if err := a.script("empty", a.mkdirs()); err != nil {
		return err
	}
	if err := a.script("whole", ""); err != nil {
		return err
	}
	return a.tar.Close()
}

func (a *archive) add(name string, d fs.DirEntry, err error) error {
	if err != nil {
		return locally(err)
	}
	rel, err := filepath.Rel(a.src, name)
	if err != nil {
		return locally(err)
	}
	rel = filepath.ToSlash(rel)
	delete(a.barren, path.Dir(rel))
	if d.IsDir() {
		a.barren[rel] = true
		a.ordered = append(a.ordered, rel)
		return nil
	}
	a.files = append(a.files, rel)
	a.p.files.Add(1)
	if d.Type()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(name)
		if err != nil {
			return locally(err)
		}
		return a.header(&tar.Header{Typeflag: tar.TypeSymlink, Name: path.Join(a.to, rel), Linkname: target, Mode: 0o777})
	}
	info, err := d.Info()
	if err != nil {
		return locally(err)
	}
	return a.file(name, rel, info)
}

func (a *archive) file(name, rel string, info fs.FileInfo) error {
	if err := regular(name, info); err != nil {
		return err
	}
	in, err := os.Open(name)
	if err != nil {
		return locally(err)
	}
	defer in.Close()
	if info.Size() == 0 {
		if n, _ := in.Read(a.buf[:1]); n > 0 {
			return errNoStream // as in /proc
		}
	}
	err = a.header(&tar.Header{Typeflag: tar.TypeReg, Name: path.Join(a.to, rel), Size: info.Size(), Mode: int64(a.p.mode(info).Perm())})
	if err != nil {
		return err
	}
	a.p.bytes.Add(info.Size())
	return copyExactly(a.tar, in, info.Size(), a.buf[:])
}

// header begins an entry. The GNU format is what every tar reads that knows long names at all.
func (a *archive) header(h *tar.Header) error {
	h.Format = tar.FormatGNU
	err := a.tar.WriteHeader(h)
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, tar.ErrFieldTooLong) {
		return errNoStream
	}
	return err
}

// script adds a file of ours.
func (a *archive) script(name, text string) error {
	if err := a.header(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(text)), Mode: 0o600}); err != nil {
		return err
	}
	_, err := io.WriteString(a.tar, text)
	return err
}

// mkdirs is a shell script that makes the directories which no file stands for.
func (a *archive) mkdirs() string {
	var text strings.Builder
	for _, dir := range a.ordered {
		if a.barren[dir] {
			fmt.Fprintf(&text, "mkdir -p %s || exit\n", Quote(path.Join(a.to, dir)))
		}
	}
	return text.String()
}
