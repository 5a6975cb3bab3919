package remote

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/pkg/sftp"
	"golang.org/x/sync/errgroup"

	"github.com/gofab/gofab/runner"
)

// Get copies a file, or a directory with all that is in it. A dest that ends in a slash, or that
// is a directory when src is a file, receives src under its own name. Symbolic links inside a
// directory are copied as links. Whatever a host answers, nothing is written outside of dest.
func (c *conn) Get(ctx context.Context, src, dest string) (runner.Copied, error) {
	g := &getter{transfer: newTransfer(), conn: c}
	err := c.withSFTP(ctx, func(client *sftp.Client) error {
		g.client = client
		return g.get(ctx, src, dest)
	})
	return runner.Copied{Files: int(g.files.Load()), Bytes: g.bytes.Load()}, err
}

type getter struct {
	*transfer
	conn   *conn
	client *sftp.Client
	root   *os.Root // what is fetched lands in here
	files  atomic.Int64
	bytes  atomic.Int64
}

func (g *getter) get(ctx context.Context, src, dest string) error {
	from, err := remotePath(src)
	if err != nil {
		return err
	}
	from, info, err := g.find(ctx, from)
	if err != nil {
		return remoteError("read", src, err)
	}
	dest = localName(src, dest, info.IsDir())
	dir, name := filepath.Split(dest)
	if info.IsDir() {
		dir, name = dest, "."
	}
	dir = filepath.Clean(dir)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return locally(err)
	}
	if g.root, err = os.OpenRoot(dir); err != nil {
		return locally(err)
	}
	defer g.root.Close()
	if !info.IsDir() {
		if there, err := os.Stat(dest); err == nil && !there.IsDir() && !there.Mode().IsRegular() {
			return locally(fmt.Errorf("%s is there and is no file: choose another dest", dest))
		}
		return g.file(ctx, from, name, info)
	}
	if err := g.stream(ctx, from); !errors.Is(err, errNoStream) {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(filesAtOnce)
	err = g.tree(ctx, group, from, name)
	return cmp.Or(group.Wait(), err)
}

// find looks for a file where SFTP begins and, if that is another place, where commands do, which
// is where put puts.
func (g *getter) find(ctx context.Context, from string) (string, fs.FileInfo, error) {
	info, err := g.client.Stat(from)
	if err == nil || path.IsAbs(from) || !errors.Is(err, fs.ErrNotExist) {
		return from, info, err
	}
	var home bytes.Buffer
	if err := g.conn.run(ctx, runner.Command{Text: "pwd"}, &limited{&home, 4 << 10}); err != nil || !path.IsAbs(home.String()) {
		return "", nil, cmp.Or(locally(context.Cause(ctx)), fs.ErrNotExist)
	}
	from = path.Join(strings.TrimSuffix(home.String(), "\n"), from)
	info, err = g.client.Stat(from)
	return from, info, err
}

// localName is the file that Get writes for a remote file src and the wish dest. It depends on
// what is there: a dest that is a directory receives src under its own name.
func localName(src, dest string, srcIsDir bool) string {
	into := dest == "" || strings.HasSuffix(dest, "/")
	if !into && !srcIsDir {
		info, err := os.Stat(dest)
		into = err == nil && info.IsDir()
	}
	if into {
		return filepath.Join(dest, path.Base(path.Clean("/"+src))) // which is never ".."
	}
	return filepath.Clean(dest)
}

func (g *getter) tree(ctx context.Context, group *errgroup.Group, from, to string) error {
	entries, err := g.client.ReadDir(from)
	if err != nil {
		return remoteError("list", from, err)
	}
	for _, e := range entries {
		if ctx.Err() != nil {
			return locally(context.Cause(ctx))
		}
		if e.Name() == "" || e.Name() != filepath.Base(e.Name()) || e.Name() == ".." || e.Name() == "." {
			return fmt.Errorf("the host lists a file with the impossible name %q in %s", e.Name(), from)
		}
		remote, local := path.Join(from, e.Name()), filepath.Join(to, e.Name())
		switch {
		case e.IsDir():
			if err := g.root.Mkdir(local, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
				return locally(err)
			}
			if err := g.tree(ctx, group, remote, local); err != nil {
				return err
			}
		case e.Mode()&fs.ModeSymlink != 0:
			if err := g.link(remote, local); err != nil {
				return err
			}
		case e.Mode().IsRegular():
			group.Go(func() error { return g.file(ctx, remote, local, e) })
		}
	}
	return nil
}

func (g *getter) link(remote, local string) error {
	target, err := g.client.ReadLink(remote)
	if err != nil {
		return remoteError("read the link", remote, err)
	}
	temp := filepath.Join(filepath.Dir(local), ".gofab-"+rand.Text())
	if err := g.root.Symlink(target, temp); err != nil {
		return locally(err)
	}
	if err := g.root.Rename(temp, local); err != nil {
		g.root.Remove(temp)
		return locally(err)
	}
	g.files.Add(1)
	return nil
}

// localMode is what a file becomes here: the user can always read and write it.
func localMode(mode fs.FileMode) fs.FileMode { return mode.Perm() | 0o600 }

// file writes beside the destination and renames, so that a broken transfer leaves what was there.
func (g *getter) file(ctx context.Context, remote, local string, info fs.FileInfo) (err error) {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s on the host is neither a file nor a directory", remote)
	}
	in, err := g.client.Open(remote)
	if err != nil {
		return remoteError("read", remote, err)
	}
	defer in.Close()
	temp := filepath.Join(filepath.Dir(local), ".gofab-"+rand.Text())
	out, err := g.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, localMode(info.Mode()))
	if err != nil {
		return locally(err)
	}
	defer func() {
		if err != nil {
			g.root.Remove(temp)
		}
	}()
	n, err := g.copy(ctx, localFile{out}, in, info.Size())
	if err == nil && n < info.Size() {
		err = locally(out.Truncate(n))
	}
	if closeErr := out.Close(); err == nil {
		err = locally(closeErr)
	}
	if err != nil {
		return remoteError("read", remote, err)
	}
	if err := g.root.Rename(temp, local); err != nil {
		return locally(err)
	}
	g.files.Add(1)
	g.bytes.Add(n)
	return nil
}
