package cli

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/journal"
	"github.com/gofab/gofab/internal/remote"
	"github.com/gofab/gofab/internal/ui"
	"github.com/gofab/gofab/runner"
)

// errNobodyReads ends a play whose output goes nowhere: `gofab play … | head` must not leave
// machines behind.
var errNobodyReads = errors.New("standard output was closed")

// runPlay runs a compiled play to its end, whatever happens.
func (a *app) runPlay(parent context.Context, r *ready, o *playOptions) (int, error) {
	stdout, stderr, err := a.streams()
	if err != nil {
		return runner.ExitUsage, err
	}
	timeout, err := time.ParseDuration(o.timeout)
	if seconds, serr := strconv.ParseFloat(o.timeout, 64); serr == nil {
		timeout, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if err != nil || timeout <= 0 {
		return runner.ExitUsage, &usageError{error: fmt.Errorf("--timeout takes seconds or a duration such as 10s, not %q", o.timeout), bare: true}
	}
	collectSeldom()
	ctx, signals := watchSignals(parent)
	defer signals.stop()
	if err := r.prepare(ctx); err != nil {
		return signals.code(runner.ExitError), err
	}

	id := journal.NewID(time.Now(), r.play.Name)
	dir := journal.Dir(r.state, id)
	j, err := journal.Create(dir)
	if err != nil {
		return runner.ExitError, fmt.Errorf("create the run's state: %w", err)
	}
	defer j.Close()
	if err := j.Write(journal.Record{
		What: journal.Begin, Run: id, Play: r.play.Name, File: r.play.File, Provider: r.provider.Name(), Region: regionOf(r.provider),
	}); err != nil {
		return runner.ExitError, fmt.Errorf("write the journal: %w", err)
	}
	key, public, err := newKey(filepath.Join(dir, "id_ed25519"))
	if err != nil {
		return runner.ExitError, err
	}
	views, err := openViews(dir, stdout, stderr, ui.Options{Level: level(o), Brief: o.brief, OnWriteError: func(error) { signals.cancel(errNobodyReads) }})
	if err != nil {
		return runner.ExitError, err
	}
	run := runner.New(runner.Config{
		ID: id, Dir: dir, Provider: r.provider, UserKey: public,
		Dialer: &remote.Dialer{RunKey: key, Password: os.Getenv("GOFAB_SSH_PASSWORD"), ConnectTimeout: timeout},
		Events: runner.NewEvents(views.sinks...), Journal: j, Vars: r.vars, Limit: r.limit, Borrow: r.borrow, Keep: o.keep,
	}, r.play)

	done := make(chan runner.Outcome, 1)
	go func() { done <- run.Go(ctx) }()
	select {
	case out := <-done:
		err := views.close()
		if _, ended := errors.AsType[*runner.OutsideError](out.Err); o.keep && !ended {
			a.howToReach(run, dir)
		}
		return out.Code, err
	case sig := <-signals.again:
		code := runner.ExitLeft
		j.Write(journal.Record{What: journal.End, Code: &code})
		// Whatever the run is doing, it is left alone; the journal and the provider know the rest.
		fmt.Fprintf(os.Stderr, "\ngofab: %v again: leaving at once. Machines of this run may still be there; end them with:\n  gofab scram %s\n", sig, id)
		return runner.ExitLeft, nil
	}
}

// regionOf is where a provider works, if it works in one place among several.
func regionOf(p cloud.Provider) string {
	if r, ok := p.(cloud.Regional); ok {
		return r.Region()
	}
	return ""
}

func level(o *playOptions) ui.Level {
	if o.quiet {
		return ui.Quiet
	}
	return ui.Level(o.verbose)
}

// howToReach tells how to log in to machines that were kept.
func (a *app) howToReach(run *runner.Run, dir string) {
	for _, h := range run.Hosts {
		m := h.Machine()
		if m.Launched.IsZero() {
			continue
		}
		fmt.Fprintf(os.Stderr, "kept %s until %s: ssh -i %s -o UserKnownHostsFile=%s -p %d %s@%s\n", m.Name, m.Expires.Format(time.TimeOnly),
			remote.Quote(filepath.Join(dir, "id_ed25519")), remote.Quote(filepath.Join(dir, "known_hosts")), m.Port, m.User, m.Address)
	}
	fmt.Fprintf(os.Stderr, "end them with: gofab scram %s\n", run.ID)
}

// newKey makes the key with which the run logs in to its machines, and keeps it for those who
// want to log in by hand.
func newKey(file string) (ssh.Signer, string, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, "", err
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil, "", err
	}
	block, err := ssh.MarshalPrivateKey(private, "gofab")
	if err != nil {
		return nil, "", err
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, "", fmt.Errorf("keep the run's key: %w", err)
	}
	return signer, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))), nil
}

// views are the readers of a run's events.
type views struct {
	sinks   []runner.Sink
	closers []func() error
}

func openViews(dir string, stdout, stderr ui.Stream, opt ui.Options) (*views, error) {
	trouble := func(err error) { fmt.Fprintf(os.Stderr, "gofab: warning: %v\n", err) }
	record, err := ui.CreateJSONL(filepath.Join(dir, "events.jsonl"), trouble)
	if err != nil {
		return nil, fmt.Errorf("create the run's record: %w", err)
	}
	logs := ui.NewHostLogs(filepath.Join(dir, "logs"), trouble)
	hosts := ui.NewHosts(filepath.Join(dir, hostsFile), trouble)
	plain := ui.NewPlain(stdout, stderr, opt)
	return &views{
		sinks:   []runner.Sink{record, logs, hosts, plain},
		closers: []func() error{record.Close, logs.Close, hosts.Close, plain.Close},
	}, nil
}

func (v *views) close() error {
	var errs []error
	for _, c := range v.closers {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// limiter makes a filter of the patterns of -l; nil when there are none.
func limiter(patterns []string) (func(string) bool, error) {
	for _, p := range patterns {
		if _, err := path.Match(strings.TrimPrefix(p, "!"), ""); err != nil {
			return nil, &usageError{error: fmt.Errorf("-l %s: not a pattern; use *, ? and [a-z]", p), bare: true}
		}
	}
	if len(patterns) == 0 {
		return nil, nil
	}
	matches := func(p, name string) bool { ok, _ := path.Match(p, name); return ok }
	return func(name string) bool {
		in := !slices.ContainsFunc(patterns, func(p string) bool { return !strings.HasPrefix(p, "!") })
		for _, p := range patterns {
			if no, ok := strings.CutPrefix(p, "!"); ok {
				if matches(no, name) {
					return false
				}
				continue
			}
			in = in || matches(p, name)
		}
		return in
	}, nil
}

// list is what --list-tasks and --list-hosts print.
func (r *ready) list(w *os.File, o *playOptions) {
	fmt.Fprintf(w, "play %s (%s)\n", r.play.Name, r.play.File)
	if o.listTasks {
		fmt.Fprintln(w, "  steps:")
		for _, s := range r.play.Steps {
			note := ""
			if s.Always {
				note = "  (always)"
			}
			fmt.Fprintf(w, "    %-14s %s  [%s]%s\n", s.Kind, cmp.Or(s.Name, s.Kind), s.Pos, note)
		}
	}
	if !o.listHosts {
		return
	}
	if r.hosts == nil {
		fmt.Fprintf(w, "  hosts: those that provider %s launches\n", r.provider.Name())
		return
	}
	fmt.Fprintln(w, "  hosts:")
	for _, h := range r.hosts {
		fmt.Fprintf(w, "    %s  (%s@%s:%d)\n", h.Name, h.User, h.Address, h.Port)
	}
}
