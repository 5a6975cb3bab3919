package remote

import (
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

// Put copies a file, or a directory with all that is in it. A dest that ends in a slash, or that
// is a directory when src is a file, receives src under its own name. Symbolic links inside a
// directory are copied as links.
func (c *conn) Put(ctx context.Context, src, dest string, opt runner.PutOptions) (runner.Copied, error) {
	p := &putter{transfer: newTransfer(), opt: opt}
	err := p.stream(ctx, c, src, dest)
	if errors.Is(err, errNoStream) {
		p.files.Store(0)
		p.bytes.Store(0)
		err = c.withSFTP(ctx, func(client *sftp.Client) error {
			p.client = client
			return p.put(ctx, src, dest)
		})
	}
	var local *localError
	if errors.As(err, &local) {
		err = local.error
	}
	return runner.Copied{Files: int(p.files.Load()), Bytes: p.bytes.Load()}, err
}

type putter struct {
	*transfer
	client *sftp.Client
	opt    runner.PutOptions
	files  atomic.Int64
	bytes  atomic.Int64
}

// mode is the permission bits that a file gets.
func (p *putter) mode(info fs.FileInfo) fs.FileMode { return cmp.Or(p.opt.Mode, info.Mode().Perm()) }

func (p *putter) put(ctx context.Context, src, dest string) error {
	src, to, info, err := putEnds(src, dest)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return p.tree(ctx, src, to)
	}
	if to, err = p.place(to, filepath.Base(src)); err != nil {
		return err
	}
	if err := p.client.MkdirAll(path.Dir(to)); err != nil {
		return remoteError("make directory", path.Dir(to), err)
	}
	return p.file(ctx, src, to, info)
}

// putEnds tells where a copy comes from and goes to, as far as the controller can know.
func putEnds(src, dest string) (from, to string, info fs.FileInfo, err error) {
	if info, err = os.Stat(src); err != nil {
		return "", "", nil, locally(err)
	}
	if from, err = filepath.Abs(src); err != nil { // "." and ".." have a name, too
		return "", "", nil, locally(err)
	}
	if to, err = remotePath(dest); err != nil {
		return "", "", nil, err
	}
	if strings.HasSuffix(dest, "/") {
		to = path.Join(to, filepath.Base(from))
	}
	return from, to, info, nil
}

// place is where a file goes that is called name: into to, if that is a directory. A device or a
// pipe is not replaced by a file.
func (p *putter) place(to, name string) (string, error) {
	there, err := p.client.Stat(to)
	if err == nil && there.IsDir() {
		to = path.Join(to, name)
		there, err = p.client.Stat(to)
	}
	if err == nil && !there.IsDir() && !there.Mode().IsRegular() {
		return "", fmt.Errorf("%s on the host is there and is no file: choose another dest", to)
	}
	return to, nil
}

// tree makes the directories first, in order, then copies the files side by side.
func (p *putter) tree(ctx context.Context, src, to string) error {
	src, err := filepath.EvalSymlinks(src) // a link to a directory is not walked
	if err != nil {
		return locally(err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(filesAtOnce)
	err = filepath.WalkDir(src, func(name string, d fs.DirEntry, err error) error {
		if err = cmp.Or(err, context.Cause(ctx)); err != nil {
			return locally(err)
		}
		rel, err := filepath.Rel(src, name)
		if err != nil {
			return locally(err)
		}
		remote := path.Join(to, filepath.ToSlash(rel))
		switch {
		case d.IsDir():
			return remoteError("make directory", remote, p.client.MkdirAll(remote))
		case d.Type()&fs.ModeSymlink != 0:
			return p.link(name, remote)
		}
		info, err := d.Info()
		if err != nil {
			return locally(err)
		}
		group.Go(func() error { return p.file(ctx, name, remote, info) })
		return nil
	})
	return cmp.Or(group.Wait(), err)
}

func (p *putter) link(name, remote string) error {
	target, err := os.Readlink(name)
	if err != nil {
		return locally(err)
	}
	temp := path.Join(path.Dir(remote), ".gofab-"+rand.Text())
	if err := p.client.Symlink(target, temp); err != nil {
		return remoteError("link", remote, err)
	}
	if err := p.client.PosixRename(temp, remote); err != nil {
		p.client.Remove(temp)
		return remoteError("replace", remote, err)
	}
	p.files.Add(1)
	return nil
}

// file writes beside the destination and renames, so that nobody sees half of it and a running
// program can be replaced.
func (p *putter) file(ctx context.Context, src, to string, info fs.FileInfo) (err error) {
	if err := regular(src, info); err != nil {
		return err
	}
	in, err := os.Open(src)
	if err != nil {
		return locally(err)
	}
	defer in.Close()
	dir := path.Dir(to)
	temp := path.Join(dir, ".gofab-"+rand.Text())
	out, err := p.client.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return remoteError("create a file beside", to, full(p.client, dir, err))
	}
	defer func() {
		if err != nil {
			p.client.Remove(temp)
		}
	}()
	n, err := int64(0), out.Chmod(p.mode(info)) // before there is anything to read
	if err == nil {
		n, err = p.copy(ctx, out, localFile{in}, info.Size())
	}
	if err == nil && n < info.Size() {
		err = out.Truncate(n)
	}
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return remoteError("write", to, full(p.client, dir, err))
	}
	if err := p.client.PosixRename(temp, to); err != nil {
		return remoteError("replace", to, err)
	}
	p.files.Add(1)
	p.bytes.Add(n)
	return nil
}

// regular refuses what is no file: to open a pipe would wait for its writer.
func regular(src string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return locally(fmt.Errorf("%s is neither a file nor a directory: leave it out of what is put", src))
}
