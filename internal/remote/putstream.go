package remote

import (
	"bufio"
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

	"github.com/pkg/sftp"
	"golang.org/x/sync/errgroup"

	"github.com/gofab/gofab/runner"
)

// renamesAtOnce is how many files are moved into their places together: a request and its answer
// are small.
const renamesAtOnce = 256

// stream copies src without SFTP where that can be done.
func (p *putter) stream(ctx context.Context, c *conn, src, dest string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	src, to, info, err := putEnds(src, dest)
	if err != nil {
		return err
	}
	to = forScript(to)
	switch {
	case info.IsDir():
		if c.noTar.Load() {
			return errNoStream
		}
		return p.streamTree(ctx, c, src, to)
	case !info.Mode().IsRegular():
		return errNoStream
	}
	return p.streamFile(ctx, c, src, to, info)
}

func (p *putter) streamFile(ctx context.Context, c *conn, src, to string, info fs.FileInfo) error {
	in, err := os.Open(src)
	if err != nil {
		return locally(err)
	}
	defer in.Close()
	if info.Size() == 0 {
		if n, _ := in.Read(make([]byte, 1)); n > 0 {
			return errNoStream // those in /proc are longer than they say
		}
	}
	id := rand.Text()
	args := []string{to, filepath.Base(src), fmt.Sprintf("%o", p.mode(info)), fmt.Sprint(info.Size()), id}
	answer, err := c.send(ctx, putFile, args, func(w io.Writer) error {
		buf := buffers.Get().(*[blockSize]byte)
		defer buffers.Put(buf)
		return copyExactly(w, in, info.Size(), buf[:])
	})
	switch {
	case err != nil:
		return err
	case !strings.HasSuffix(answer, id+"\n"): // a login shell may have greeted before
		return errNoStream
	}
	p.files.Add(1)
	p.bytes.Add(info.Size())
	return nil
}

// copyExactly copies size bytes of a local file. One that has become shorter is for SFTP.
func copyExactly(w io.Writer, in *os.File, size int64, buf []byte) error {
	for size > 0 {
		n, err := in.Read(buf[:min(int64(len(buf)), size)])
		if n > 0 {
			size -= int64(n)
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF && size > 0:
			return errNoStream
		case err != nil && err != io.EOF:
			return locally(err)
		}
	}
	return nil
}

func (p *putter) streamTree(ctx context.Context, c *conn, src, to string) error {
	src, err := filepath.EvalSymlinks(src)
	if err != nil {
		return locally(err)
	}
	id, base := rand.Text(), path.Base(to)
	tree := &archive{p: p, src: src, to: path.Join("tree", base)}
	answer, err := c.send(ctx, putTree, []string{to, base, id}, func(w io.Writer) error {
		buf := bufio.NewWriterSize(w, blockSize)
		if err := tree.write(buf); err != nil {
			return err
		}
		return buf.Flush()
	})
	_, stage, staged := strings.Cut(answer, id+" staged ") // a login shell may have greeted before
	stage = strings.TrimSuffix(stage, "\n")
	switch {
	case staged && err != nil: // it was faster than the cancel
		c.remove(ctx, stage)
		return err
	case err != nil:
		return err
	case staged:
		return p.unstage(ctx, c, stage, base, tree.files)
	case !strings.HasSuffix(answer, id+" placed\n"):
		return errNoStream
	}
	return nil
}

// remove removes what is ours on the host, also after a cancel.
func (c *conn) remove(ctx context.Context, stage string) error {
	tidy, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyLimit)
	defer cancel()
	_, err := c.send(tidy, `rm -rf "$1"`, []string{stage}, func(io.Writer) error { return nil })
	return err
}

// unstage moves files that have arrived in stage to where it lies, and removes stage.
func (p *putter) unstage(ctx context.Context, c *conn, stage, base string, files []string) error {
	err := c.withSFTP(ctx, func(client *sftp.Client) error {
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(renamesAtOnce)
		for _, name := range files {
			group.Go(func() error {
				if ctx.Err() != nil {
					return locally(context.Cause(ctx))
				}
				return client.PosixRename(path.Join(stage, "tree", base, name), path.Join(path.Dir(stage), name))
			})
		}
		return group.Wait()
	})
	tidyErr := c.remove(ctx, stage)
	var local *localError
	var gone *runner.UnreachableError
	switch {
	case ctx.Err() != nil, errors.As(err, &local), errors.As(err, &gone):
		return err
	case err != nil || tidyErr != nil:
		return errNoStream // which says what it is
	}
	return nil
}
