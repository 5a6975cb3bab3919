package tasks

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofab/gofab/internal/expr"
	"github.com/gofab/gofab/internal/playbook"
	"github.com/gofab/gofab/internal/source"
	"github.com/gofab/gofab/runner"
)

func init() { register("get", kind{compile: compileGet, onHosts: true}) }

// compileGet: a file or directory comes from every host, each to a name of its own.
func compileGet(c *compiler, arg playbook.Value, s *runner.Step) {
	f := c.fields(s, arg, "src", "src", "dest", "forks")
	g := &get{src: c.required(f, "src", arg), dest: c.text(f["dest"]), pos: c.in.Pos}
	if !f["dest"].IsZero() {
		g.pos = f["dest"].Pos()
	}
	s.Forks = c.integer("forks", f["forks"], 0, 1)
	s.Host = g.onHost
	s.Before = g.collisions
	c.madeFiles = true
	if !f["dest"].IsZero() && c.in.When.IsZero() && c.manyHosts() && !slices.ContainsFunc(append(g.src.AllNames(), g.dest.AllNames()...), c.differs) {
		c.errs.Add(&source.Error{Pos: g.pos, Msg: "all hosts would write the same " + g.dest.Text(), Hint: ownDest})
	}
}

// manyHosts tells whether it is sure that there is more than one.
func (c *compiler) manyHosts() bool {
	return c.several || c.provisions == nil && c.opt.Inventory > 1
}

// ownDest is what gives each host a file of its own.
const ownDest = "put {{ index }} or {{ host.name }} into dest"

type get struct {
	src, dest *expr.Template
	pos       source.Pos
}

// names renders both ends for a host. Without a dest, each host has a directory.
func (g *get) names(t *runner.Task) (src, dest string, err error) {
	if src, err = g.src.Render(t.Scope); err != nil {
		return "", "", err
	}
	if dest, err = g.dest.Render(t.Scope); err != nil {
		return "", "", err
	}
	return src, cmp.Or(dest, t.Host.Name()+"/"), nil
}

// collisions refuses two hosts that would write the same file, before anything is copied.
func (g *get) collisions(tasks []*runner.Task) error {
	owner := make(map[string]*runner.Host, len(tasks))
	for _, t := range tasks {
		src, dest, err := g.names(t)
		if err != nil {
			return err
		}
		if strings.HasSuffix(dest, "/") {
			dest += path.Base(path.Clean("/" + src))
		}
		abs, err := filepath.Abs(dest)
		if err != nil {
			return err
		}
		if other := owner[abs]; other != nil {
			return &source.Error{
				Pos: g.pos, Msg: fmt.Sprintf("%s and %s would both write %s", other.Name(), t.Host.Name(), dest),
				Hint: ownDest,
			}
		}
		owner[abs] = t.Host
	}
	return nil
}

func (g *get) onHost(ctx context.Context, t *runner.Task) (runner.Result, error) {
	conn, err := t.Conn(ctx)
	if err != nil {
		return runner.Result{}, err
	}
	src, dest, err := g.names(t)
	if err != nil {
		return runner.Result{}, err
	}
	done, err := conn.Get(ctx, src, dest)
	return runner.Result{Changed: true, Text: copied(done), Fields: map[string]any{"files": done.Files, "bytes": done.Bytes}}, err
}
