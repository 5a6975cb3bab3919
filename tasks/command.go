package tasks

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/expr"
	"github.com/gofab/gofab/internal/playbook"
	"github.com/gofab/gofab/internal/remote"
	"github.com/gofab/gofab/internal/source"
	"github.com/gofab/gofab/runner"
)

func init() {
	register("run", kind{compile: compileRun, command: true, onHosts: true})
	register("run-parallel", kind{compile: compileRunParallel, command: true, onHosts: true})
	register("local", kind{compile: compileLocal, command: true})
}

// command is a shell command with its environment, as templates.
type command struct {
	text  *expr.Template
	env   map[string]*expr.Template
	grace time.Duration
	race  bool
}

// compileRun: the command runs on one host after the other.
func compileRun(c *compiler, arg playbook.Value, s *runner.Step) {
	f := c.fields(s, arg, "cmd", "cmd", "grace")
	cmd := c.command(f, arg)
	s.Forks = 1
	s.Host = cmd.onHost
}

// compileRunParallel: the command runs on all hosts at once, perhaps as a race.
func compileRunParallel(c *compiler, arg playbook.Value, s *runner.Step) {
	f := c.fields(s, arg, "cmd", "cmd", "forks", "stop_when", "grace", "announce")
	cmd := c.command(f, arg)
	s.Host = cmd.onHost
	s.Forks = c.integer("forks", f["forks"], 0, 1)
	announce := c.boolean("announce", f["announce"], false)
	switch when := c.settledText(f["stop_when"]); {
	case when == "first-success":
		s.Race = &runner.Race{Announce: announce}
		cmd.race = true
		if s.Forks > 0 {
			c.errs.Addf(f["forks"].Pos(), "forks does not go with stop_when: a host that has to wait for its turn takes no part in the race")
		}
	case !f["stop_when"].IsZero():
		c.errs.Add(&source.Error{Pos: f["stop_when"].Pos(), Msg: "unknown stop_when " + quoted(when), Hint: cmp.Or(source.Suggest(when, []string{"first-success"}), "it can be first-success")})
	case announce:
		c.errs.Addf(f["announce"].Pos(), "announce tells the queue who won: it goes with stop_when: first-success")
	}
	if announce {
		c.announces = true
		needRole[cloud.Queue](c, f["announce"], "a queue for announce")
	}
}

// compileLocal: the command runs here; for each host in turn if it mentions what differs from host
// to host.
func compileLocal(c *compiler, arg playbook.Value, s *runner.Step) {
	f := c.fields(s, arg, "cmd", "cmd", "grace")
	cmd := c.command(f, arg)
	c.onceOrPerHost(s, cmd.here, cmd.texts()...)
	c.madeFiles = true
}

// command reads what all commands have.
func (c *compiler) command(f playbook.Fields, arg playbook.Value) *command {
	cmd := &command{text: c.required(f, "cmd", arg), env: map[string]*expr.Template{}, grace: c.duration("grace", f["grace"], 0)}
	if !f["grace"].IsZero() && cmd.grace == 0 {
		cmd.grace = time.Nanosecond // none, which is not the default
	}
	env := c.in.Environment
	if env.IsZero() {
		return cmd
	}
	if !env.IsMapping() {
		c.errs.Addf(env.Pos(), "environment is a mapping of names to values, not %s", env.KindName())
	}
	for _, p := range env.Pairs() {
		if !identifier.MatchString(p.Key) {
			c.errs.Addf(p.Pos, "%s cannot be the name of an environment variable", quoted(p.Key))
			continue
		}
		if strings.HasPrefix(p.Key, "GOFAB_") {
			c.errs.Addf(p.Pos, "%s: names that begin with GOFAB_ are gofab's own, choose another", p.Key)
			continue
		}
		cmd.env[p.Key] = c.text(p.Value)
	}
	return cmd
}

func (cmd *command) texts() []*expr.Template {
	all := []*expr.Template{cmd.text}
	for _, t := range cmd.env {
		all = append(all, t)
	}
	return all
}

// render fills the templates in, and tells the command who and where it is.
func (cmd *command) render(t *runner.Task) (runner.Command, error) {
	out := runner.Command{Grace: cmd.grace, Race: cmd.race, Env: map[string]string{
		"GOFAB_RUN":   t.Run.ID,
		"GOFAB_COUNT": strconv.Itoa(len(t.Run.Hosts)),
	}}
	if t.Host != nil {
		out.Env["GOFAB_INDEX"] = strconv.Itoa(t.Host.Index)
		out.Env["GOFAB_HOST"] = t.Host.Name()
	}
	var err error
	if out.Text, err = cmd.text.Render(t.Scope); err != nil {
		return out, err
	}
	own := map[string]string{}
	for name, v := range cmd.env {
		if own[name], err = v.Render(t.Scope); err != nil {
			return out, err
		}
	}
	maps.Copy(out.Env, own)
	return out, nil
}

func (cmd *command) onHost(ctx context.Context, t *runner.Task) (runner.Result, error) {
	conn, err := t.Conn(ctx)
	if err != nil {
		return runner.Result{}, err
	}
	rendered, err := cmd.render(t)
	if err != nil {
		return runner.Result{}, err
	}
	status, err := conn.Exec(ctx, rendered, t.Stdout, t.Stderr)
	return runner.Result{Command: true, Status: status, Changed: true}, err
}

func (cmd *command) here(ctx context.Context, t *runner.Task) (runner.Result, error) {
	rendered, err := cmd.render(t)
	if err != nil {
		return runner.Result{}, err
	}
	status, err := remote.Here(ctx, rendered, t.Stdout, t.Stderr)
	return runner.Result{Command: true, Status: status, Changed: true}, err
}

// needRole reports a provider that lacks a role.
func needRole[Role any](c *compiler, at playbook.Value, what string) {
	if c.opt.Provider == nil {
		return
	}
	if _, ok := c.opt.Provider.(Role); !ok {
		pos := at.Pos()
		if at.IsZero() || at.IsNull() {
			pos = c.in.Pos
		}
		c.errs.Add(&source.Error{Pos: pos, Msg: fmt.Sprintf("provider %s has no %s", c.opt.Provider.Name(), what)})
	}
}
