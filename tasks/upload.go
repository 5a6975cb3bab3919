package tasks

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/expr"
	"github.com/gofab/gofab/internal/playbook"
	"github.com/gofab/gofab/runner"
)

func init() { register("upload", kind{compile: compileUpload}) }

// uploadsAtOnce bounds how many objects are under way together.
const uploadsAtOnce = 16

// compileUpload: a local file or directory goes to the provider's bucket; for each host in turn if
// it mentions what differs from host to host.
func compileUpload(c *compiler, arg playbook.Value, s *runner.Step) {
	f := c.fields(s, arg, "src", "src", "key", "bucket", "create")
	u := &upload{
		src: c.required(f, "src", arg), key: c.text(f["key"]), bucket: c.text(f["bucket"]),
		create: c.boolean("create", f["create"], false), began: time.Now(),
	}
	needRole[cloud.Bucket](c, arg, "bucket for upload")
	c.localSource(f["src"], u.src)
	c.onceOrPerHost(s, u.do, u.src, u.key, u.bucket)
}

type upload struct {
	src, key, bucket *expr.Template

	create bool
	began  time.Time
}

func (u *upload) do(ctx context.Context, t *runner.Task) (runner.Result, error) {
	src, err := u.src.Render(t.Scope)
	if err != nil {
		return runner.Result{}, err
	}
	key, err := u.key.Render(t.Scope)
	if err != nil {
		return runner.Result{}, err
	}
	name, err := u.bucket.Render(t.Scope)
	if err != nil {
		return runner.Result{}, err
	}
	objects, err := list(src, key)
	if err != nil {
		return runner.Result{}, err
	}
	if n := objects.olderThan(u.began); n > 0 {
		t.Warn(fmt.Sprintf("%d of the files in %s are older than this run", n, src))
	}
	stored, err := u.all(ctx, t, name, objects)
	if err != nil {
		return runner.Result{}, err
	}
	return summary(objects, stored), nil
}

// all uploads objects, some at a time. The first that fails stops the others.
func (u *upload) all(ctx context.Context, t *runner.Task, name string, objects objects) ([]cloud.Stored, error) {
	bucket := t.Run.Provider().(cloud.Bucket)
	p := newProgress(objects)
	defer p.tell(t.Notice)()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(uploadsAtOnce)
	stored := make([]cloud.Stored, len(objects))
	for i, o := range objects {
		group.Go(func() (err error) {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			stored[i], err = bucket.Upload(ctx, cloud.Object{
				Run: t.Run.ID, Bucket: name, Create: u.create, Key: o.key, File: o.file,
				Sent: func(bytes int64) { p.sent(i, bytes) },
			})
			if err != nil {
				return fmt.Errorf("upload %s: %w", o.file, err)
			}
			p.done(i)
			return nil
		})
	}
	return stored, group.Wait()
}

// summary says how much has gone where.
func summary(objects objects, stored []cloud.Stored) runner.Result {
	urls := make([]any, len(stored))
	unchanged, bytes := 0, int64(0)
	for i, s := range stored {
		urls[i] = s.Place
		if s.Unchanged {
			unchanged++
		} else {
			bytes += objects[i].size
		}
	}
	res := runner.Result{Changed: unchanged < len(stored), Text: counted(len(stored), "object")}
	res.Fields = map[string]any{"files": len(stored), "unchanged": unchanged, "bytes": bytes, "urls": urls}
	if len(urls) > 0 {
		first := urls[0].(string)
		res.Fields["url"] = first
		res.Text += " in " + strings.TrimSuffix(first, objects[0].key)
	}
	if unchanged > 0 {
		res.Text += fmt.Sprintf(", %d of them unchanged", unchanged)
	}
	return res
}

// object is one file and the key that it shall have.
type object struct {
	key, file string
	size      int64
	modified  time.Time
}

type objects []object

// list finds the files of src. The key of a file in a directory begins with the directory's name,
// as it was written, unless key says otherwise.
func list(src, key string) (objects, error) {
	info, err := os.Stat(src)
	if err != nil {
		return nil, err
	}
	if key == "" {
		key = filepath.ToSlash(filepath.Clean(src))
		if filepath.IsAbs(src) || strings.HasPrefix(key, "../") {
			key = path.Base(key)
		}
	}
	if !info.IsDir() {
		if strings.HasSuffix(key, "/") {
			key += filepath.Base(src)
		}
		return objects{{key, src, info.Size(), info.ModTime()}}, nil
	}
	var out objects
	err = filepath.WalkDir(src, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := os.Stat(name) // through links
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(src, name)
		out = append(out, object{path.Join(key, filepath.ToSlash(rel)), name, info.Size(), info.ModTime()})
		return err
	})
	return out, err
}

func (os objects) olderThan(t time.Time) int {
	n := 0
	for _, o := range os {
		if o.modified.Before(t) {
			n++
		}
	}
	return n
}
