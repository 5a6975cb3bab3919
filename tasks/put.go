package tasks

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofab/gofab/internal/expr"
	"github.com/gofab/gofab/internal/payload"
	"github.com/gofab/gofab/internal/playbook"
	"github.com/gofab/gofab/internal/source"
	"github.com/gofab/gofab/runner"
)

func init() { register("put", kind{compile: compilePut, onHosts: true}) }

// builtin is the prefix of what gofab itself can put.
const builtin = "builtin:"

// compilePut: a file or directory goes to every host.
func compilePut(c *compiler, arg playbook.Value, s *runner.Step) {
	f := c.fields(s, arg, "src", "src", "dest", "mode", "forks", "spread")
	p := &put{src: c.required(f, "src", arg), dest: c.text(f["dest"]), opt: runner.PutOptions{Mode: c.mode(f["mode"])}, store: c.opt.Payload}
	local := c.localSource(f["src"], p.src)
	s.Forks = c.integer("forks", f["forks"], 0, 1)
	s.Host = p.onHost
	if c.boolean("spread", f["spread"], false) {
		if info, err := os.Stat(local); local != "" && err == nil && info.IsDir() {
			c.errs.Add(&source.Error{Pos: f["src"].Pos(), Msg: local + " is a directory, and spread takes a file", Hint: "pack it, or leave spread out"})
		}
		p.spread = &spread{}
		s.Before, s.After = p.spread.begin, p.spread.end
	}
}

type put struct {
	src, dest *expr.Template
	opt       runner.PutOptions
	store     *payload.Store
	spread    *spread // nil: the controller sends to every host
}

func (p *put) onHost(ctx context.Context, t *runner.Task) (runner.Result, error) {
	conn, err := t.Conn(ctx)
	if err != nil {
		return runner.Result{}, err
	}
	src, err := p.src.Render(t.Scope)
	if err != nil {
		return runner.Result{}, err
	}
	dest, err := p.dest.Render(t.Scope)
	if err != nil {
		return runner.Result{}, err
	}
	if dest == "" {
		dest = filepath.Base(strings.TrimPrefix(src, builtin))
	}
	opt := p.opt
	if strings.HasPrefix(src, builtin) {
		if src, err = minerFor(ctx, conn, p.store); err != nil {
			return runner.Result{}, err
		}
	}
	if p.spread == nil {
		done, err := conn.Put(ctx, src, dest, opt)
		return runner.Result{Changed: true, Text: copied(done), Fields: map[string]any{"files": done.Files, "bytes": done.Bytes}}, err
	}
	done, from, err := p.spread.put(ctx, t, conn, src, dest, opt)
	text := copied(done)
	if from != "" {
		text += " from " + from
	}
	return runner.Result{Changed: true, Text: text, Fields: map[string]any{"files": done.Files, "bytes": done.Bytes, "from": from}}, err
}

// minerFor is the local path of the miner for the host's system.
func minerFor(ctx context.Context, conn runner.Conn, store *payload.Store) (string, error) {
	var out bytes.Buffer
	status, err := conn.Exec(ctx, runner.Command{Text: "uname -s; uname -m"}, &out, &bytes.Buffer{})
	if err != nil {
		return "", err
	}
	words := strings.Fields(out.String())
	if status != 0 || len(words) != 2 {
		return "", fmt.Errorf("ask for the host's system: uname says %q with status %d", out.String(), status)
	}
	goos, goarch, err := payload.Target(words[0], words[1])
	if err != nil {
		return "", err
	}
	return store.Miner(ctx, goos, goarch)
}

// localSource gives the name of a local file, as far as it is known before the run, and reports one that
// is not there, unless an earlier step may make it.
func (c *compiler) localSource(v playbook.Value, t *expr.Template) (name string) {
	for _, n := range t.AllNames() {
		if _, settled := c.vars[n.Root()]; !settled {
			return ""
		}
	}
	name, err := t.Render(c.vars)
	if err != nil || name == "" {
		return "" // reported with the text
	}
	if rest, ok := strings.CutPrefix(name, builtin); ok {
		c.putsMiner = true
		if rest != "miner" {
			c.errs.Add(&source.Error{Pos: v.Pos(), Msg: fmt.Sprintf("there is no %s%s", builtin, rest), Hint: cmp.Or(source.Suggest(rest, []string{"miner"}), "there is builtin:miner")})
		}
		return ""
	}
	if _, err := os.Stat(name); err != nil && !c.madeFiles {
		wd, _ := os.Getwd()
		c.errs.Add(&source.Error{Pos: v.Pos(), Msg: fmt.Sprintf("no file or directory %s", quoted(name)), Hint: "local names are relative to the current directory, " + wd})
	}
	return name
}

func copied(c runner.Copied) string {
	return counted(c.Files, "file") + ", " + size(c.Bytes)
}

// counted is a number of things in words.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// size words a number of bytes.
func size(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	f, units := float64(n)/unit, "KMGTP"
	for f >= unit && len(units) > 1 {
		f, units = f/unit, units[1:]
	}
	return fmt.Sprintf("%.1f %ciB", f, units[0])
}
