package tasks

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/static"
	"github.com/gofab/gofab/internal/expr"
	"github.com/gofab/gofab/internal/payload"
	"github.com/gofab/gofab/internal/playbook"
	"github.com/gofab/gofab/internal/source"
	"github.com/gofab/gofab/runner"
)

// Builtins are the names that every text may mention.
var Builtins = []string{"count", "host", "hosts", "index", "run"}

// Head is the part of a playbook that decides who gives the machines, with all variables
// resolved. Compile turns it into a play.
type Head struct {
	Book     *playbook.Book
	Vars     map[string]any // those that are settled
	Provider string         // the word, empty when the book has none
	Hosts    []static.Host  // of `hosts:`; nil when there are none

	lazy *expr.Env
	c    *compiler
}

// defaultReserve is the time that always steps have beyond the deadline.
const defaultReserve = 30 * time.Second

// Open resolves a book's variables with those of the command line. Its mistakes, and those of
// everything later, are added to errs.
func Open(book *playbook.Book, extra []playbook.Extra, errs *source.List) *Head {
	vars, lazy, err := book.Resolve(extra, Builtins)
	errs.AddAll(err)
	h := &Head{Book: book, Vars: vars, lazy: lazy}
	h.c = &compiler{errs: errs, book: book, vars: vars, lazy: lazy, registers: map[string]*playbook.Step{}, perHost: map[string]bool{}}
	h.Provider = h.c.settledText(book.Provider)
	h.readHosts()
	return h
}

func (h *Head) readHosts() {
	c, v := h.c, h.Book.Hosts
	if v.IsZero() {
		return
	}
	switch {
	case !v.IsList():
		c.errs.Add(&source.Error{
			Pos: v.Pos(), Msg: "hosts is a list of [user@]host[:port], not " + v.KindName(),
			Hint: "write hosts: [alice@host1, host2], or leave it out: every step is for all hosts, those of -i too",
		})
		return
	case len(v.List()) == 0:
		c.errs.Addf(v.Pos(), "the list of hosts is empty")
		return
	}
	var hosts []static.Host
	for _, item := range v.List() {
		host, err := static.ParseHost(c.settledText(item), item.Pos())
		if err != nil {
			c.errs.AddAll(err)
			continue
		}
		hosts = append(hosts, host)
	}
	hosts, err := static.Check(hosts)
	c.errs.AddAll(err)
	h.Hosts = hosts
}

// AcceptNewKeys is what `host_key_checking:` says.
func (h *Head) AcceptNewKeys() bool {
	v := h.Book.HostKeyChecking
	if v.IsZero() {
		return false
	}
	accept, err := ParseHostKeyChecking(h.c.settledText(v))
	if err != nil {
		h.c.errs.Addf(v.Pos(), "host_key_checking %v", err)
	}
	return accept
}

// ParseHostKeyChecking reads how host keys are checked: whether that of a host that was never met is
// accepted. The error is the end of a sentence that begins with the name of what was set.
func ParseHostKeyChecking(text string) (acceptNew bool, err error) {
	switch text {
	case "yes", "true":
		return false, nil
	case "accept-new":
		return true, nil
	}
	return false, fmt.Errorf("is yes or accept-new, not %q; it cannot be switched off", text)
}

// Provisions tells whether a step of the book launches machines.
func (h *Head) Provisions() bool {
	return slices.ContainsFunc(h.Book.Steps, func(s *playbook.Step) bool { return s.Kind == "provision" })
}

// PutsMiner tells, once the book is compiled, whether a step puts gofab's own miner.
func (h *Head) PutsMiner() bool { return h.c.putsMiner }

// Options are what Compile needs to know of the world.
type Options struct {
	Provider  cloud.Provider // nil when it is not known because of a mistake
	Payload   *payload.Store
	Hosts     bool    // there are hosts from the start
	Inventory int     // how many these are
	Forks     int     // of the command line; 0: the book's
	Budget    float64 // likewise, in US dollars
}

// Compile checks all that follows the head and makes the play.
func (h *Head) Compile(opt Options) *runner.Play {
	c, b := h.c, h.Book
	c.opt = opt
	c.hostsThere = opt.Hosts && !h.Provisions()
	play := &runner.Play{
		Name: cmp.Or(c.settledText(b.Name), strings.TrimSuffix(path.Base(b.File), path.Ext(b.File))), File: b.File,
		Deadline: c.duration("deadline", b.Deadline, 0), Reserve: c.duration("reserve", b.Reserve, defaultReserve),
		Forks: cmp.Or(opt.Forks, c.integer("forks", b.Forks, 0, 1)), Budget: cmp.Or(opt.Budget, c.dollars("budget", b.Budget)),
	}
	c.budget = play.Budget
	if strings.ContainsFunc(play.Name, unicode.IsControl) {
		c.errs.Addf(b.Name.Pos(), "the play's name is one line of text, without control characters")
	}
	for _, s := range b.Steps {
		play.Steps = append(play.Steps, c.step(s))
	}
	if !c.queue.IsZero() && !c.announces {
		c.errs.Add(&source.Error{Pos: c.queue.Pos(), Msg: "nobody uses the queue", Hint: "it is for a race: run-parallel with stop_when: first-success and announce: true"})
	}
	return play
}

// step compiles one step: its keywords, then its kind.
func (c *compiler) step(in *playbook.Step) *runner.Step {
	k, ok := kinds[in.Kind]
	s := &runner.Step{Kind: in.Kind, Pos: in.Pos, Name: c.settledText(in.Name)}
	if !ok { // the book has reported it; it may have been meant to provision, or to register
		c.hostsThere = true
		c.registers[c.registerName(in)] = in
		return s
	}
	c.in = in
	if k.onHosts {
		c.needHosts(in)
	}
	s.Always = c.boolean("always", in.Always, k.always)
	s.IgnoreErrors = c.boolean("ignore_errors", in.IgnoreErrors, false)
	s.Timeout = c.duration("timeout", in.Timeout, 0)
	s.Retries = c.integer("retries", in.Retries, 0, 0)
	s.Delay = c.duration("delay", in.Delay, 5*time.Second)
	if !in.Until.IsZero() && in.Retries.IsZero() {
		s.Retries = 3 // as in Ansible
	}
	if in.Retries.IsZero() && in.Until.IsZero() && !in.Delay.IsZero() {
		c.errs.Addf(in.Delay.Pos(), "delay is the pause between retries, and the step has no retries")
	}
	s.Register = c.registerName(in)
	k.compile(c, in.Arg, s)
	s.Name = cmp.Or(s.Name, in.Kind)
	c.onHosts = s.Host != nil
	s.When = c.condition(in.When)
	s.Until = c.condition(in.Until, c.fresh(s)...)
	s.FailedWhen = c.condition(in.FailedWhen, c.fresh(s)...)
	if !k.command {
		c.refuse(in.FailedWhen, "failed_when", in.Kind)
		c.refuse(in.Environment, "environment", in.Kind)
	}
	if s.Register != "" {
		c.registers[s.Register] = in
		c.perHost[s.Register] = s.Host != nil
	}
	return s
}

// needHosts reports that there are no hosts for a step to work on: none yet, which is said once, or
// none any more.
func (c *compiler) needHosts(in *playbook.Step) {
	if c.scrams != nil && c.provisions != nil {
		c.errs.Add(&source.Error{
			Pos: in.Pos, Msg: fmt.Sprintf("%s needs hosts, and scram at %s has ended them", in.Kind, c.scrams.Pos),
			Hint: "move scram to the end",
		})
		return
	}
	if c.hostsThere {
		return
	}
	c.hostsThere = true
	c.errs.Add(&source.Error{
		Pos: in.Pos, Msg: in.Kind + " needs hosts, and there are none yet",
		Hint: "add a provision step before it, hosts: at the top, or -i on the command line",
	})
}

// fresh are the names that failed_when and until see beside the others.
func (c *compiler) fresh(s *runner.Step) []string {
	names := []string{"rc", "stdout", "stderr"}
	if s.Register != "" {
		names = append(names, s.Register)
	}
	return names
}

func (c *compiler) refuse(v playbook.Value, keyword, kind string) {
	if !v.IsZero() {
		c.errs.Addf(v.Pos(), "%s is for steps that run a command, not for %s", keyword, kind)
	}
}

// shorten keeps headings to a line.
func shorten(s string) string {
	const most = 60
	runes := []rune(s)
	for i, r := range runes {
		if r == '\n' || r == '\r' {
			return string(runes[:min(i, most)]) + " …"
		}
	}
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}
