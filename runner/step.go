package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gofab/gofab/internal/source"
)

// doing is how a task ended.
type doing struct {
	status  Status
	ignored bool
	res     Result
	err     error
}

// step runs one step on whom it concerns and keeps what came of it.
func (r *Run) step(work context.Context, s *Step) {
	began := time.Now()
	ctx := work
	if s.Always {
		ctx = r.always
	}
	r.stepName = s.Name
	r.look()
	r.events.Emit(Event{Type: StepStart, Step: s.Name, Kind: s.Kind, Pos: s.Pos.String()})
	var d doing
	if s.Once != nil {
		d = r.onController(ctx, s)
	} else {
		d = r.onHosts(ctx, s, work.Err() != nil)
	}
	if d.status == Stopped && work.Err() != nil {
		r.cutShort = true
	}
	ev := Event{
		Type: StepEnd, Step: s.Name, Kind: s.Kind, Pos: s.Pos.String(), Status: d.status, Ignored: d.ignored,
		Text: text(s, d), Remedy: remedy(d.err), Seconds: time.Since(began).Seconds(),
	}
	r.events.Emit(ev)
}

// onController does a step without hosts. Its failure is the play's.
func (r *Run) onController(ctx context.Context, s *Step) doing {
	d := r.attempts(ctx, s, nil)
	if s.Register != "" {
		r.registers[s.Register] = &registered{own: d.res.record(nil, d.status)}
	}
	if d.failed() && !d.ignored {
		r.fail(d.err)
	}
	return d
}

// onHosts does a step on every host that takes part. cut says that the play is being ended: a
// host that has never answered is then not waited for.
func (r *Run) onHosts(ctx context.Context, s *Step, cut bool) doing {
	hosts := r.playing()
	if s.Always {
		hosts = r.hostsWhere(func(h *Host) bool { return h.out != Unreachable && h.out != Stopped && (!cut || h.connected()) })
	}
	if len(hosts) == 0 {
		return doing{status: Skipped, res: Result{Text: "no host takes part"}}
	}
	tasks := make([]*Task, len(hosts))
	for i, h := range hosts {
		tasks[i] = r.task(s, h)
	}
	if s.Before != nil {
		if err := s.Before(tasks); err != nil {
			d := doing{status: Failed, err: err, ignored: s.IgnoreErrors}
			if !d.ignored {
				r.fail(err)
			}
			return d
		}
	}
	doings := make([]doing, len(tasks))
	do := func(ctx context.Context, i int) bool {
		doings[i] = r.attempts(ctx, s, tasks[i])
		return doings[i].status == OK && doings[i].res.Status == 0
	}
	reg := &registered{byHost: make(map[int]map[string]any), own: map[string]any{}, results: []any{}}
	overall := doing{status: OK}
	if s.Race != nil {
		overall = r.race(ctx, s, tasks, doings, reg, do)
	} else {
		Each(ctx, len(tasks), cmp.Or(s.Forks, r.play.Forks), func(ctx context.Context, i int) { do(ctx, i) })
	}
	r.settle(s, tasks, doings, reg)
	if s.After != nil {
		if err := s.After(); err != nil {
			(&Task{Run: r, Step: s}).Warn(err.Error())
		}
	}
	return sum(overall, doings)
}

// settle counts how hosts have fared and takes those that failed out of the play.
func (r *Run) settle(s *Step, tasks []*Task, doings []doing, reg *registered) {
	for i, d := range doings {
		h := tasks[i].Host
		reg.byHost[h.Index] = d.res.record(h, d.status)
		h.recap.count(d)
		switch {
		case d.status == Unreachable:
			h.out = Unreachable
		case d.status == Failed && !d.ignored && h.out == "":
			h.out = Failed
		case d.status == Stopped && s.Race != nil && !h.connected():
			h.out = Stopped // the race is over, and nobody waits for a host that still boots
		case d.status == Stopped && r.outside.Load() != nil && h.launched():
			h.out = Stopped // its machine has gone
		}
	}
	for _, h := range r.Hosts {
		if rec := reg.byHost[h.Index]; rec != nil {
			reg.results = append(reg.results, rec)
		}
	}
	if s.Register != "" {
		if w, ok := reg.own["winner"].(int); ok {
			reg.own["winner"] = reg.byHost[w]
		}
		r.registers[s.Register] = reg
	}
}

// sum is how a step ended as a whole: as its worst host did.
func sum(overall doing, doings []doing) doing {
	if overall.status != OK {
		return overall
	}
	worst := map[Status]int{OK: 0, Skipped: 0, Stopped: 1, Failed: 2, Unreachable: 3}
	skipped := 0
	for _, d := range doings {
		if d.status == Skipped {
			skipped++
		}
		if (!d.failed() || !d.ignored) && worst[d.status] > worst[overall.status] {
			overall.status = d.status
		}
	}
	if skipped == len(doings) {
		overall.status = Skipped
	}
	return overall
}

func (r *Run) task(s *Step, h *Host) *Task {
	return &Task{Run: r, Step: s, Host: h, Scope: r.scope(h)}
}

// attempts does a step for one host, or for the controller when t is nil: as often as its
// retries allow, each within the timeout.
func (r *Run) attempts(ctx context.Context, s *Step, t *Task) (d doing) {
	onController := t == nil
	if onController {
		t = r.task(s, nil)
	}
	began := time.Now()
	defer func() {
		d.res.seconds = time.Since(began).Seconds()
		if !onController {
			r.events.Emit(t.hostEnd(d))
		}
	}()
	if s.When != nil {
		yes, err := s.When(t.Scope)
		if err != nil {
			return doing{status: Failed, err: err, ignored: s.IgnoreErrors}
		}
		if !yes {
			return doing{status: Skipped}
		}
	}
	if !onController {
		r.events.Emit(t.event(Event{Type: HostStart}))
	}
	for attempt := 0; ; attempt++ {
		var again bool
		d, again = r.attempt(ctx, t)
		if !again || attempt == s.Retries || ctx.Err() != nil {
			return d
		}
		r.events.Emit(t.event(Event{Type: HostRetry, Text: fmt.Sprintf("attempt %d of %d: %s", attempt+1, s.Retries+1, text(s, d)), Remedy: remedy(d.err)}))
		select {
		case <-time.After(s.Delay):
		case <-ctx.Done():
			return doing{status: Stopped, res: d.res, err: context.Cause(ctx)}
		}
	}
}

// attempt does a step once and judges it; again says that another attempt is wanted.
func (r *Run) attempt(ctx context.Context, t *Task) (d doing, again bool) {
	s := t.Step
	inner, cancel := ctx, context.CancelFunc(func() {})
	if s.Timeout > 0 {
		inner, cancel = context.WithTimeoutCause(ctx, s.Timeout, &TimeoutError{s.Timeout})
	}
	defer cancel()
	stdout, stderr := t.capture()
	d.res, d.err = t.do(inner)
	r.tellFiles(d.err)
	stdout.flush()
	stderr.flush()
	d.res.stdout, d.res.stderr, d.res.truncated = string(stdout.kept), string(stderr.kept), stdout.cut || stderr.cut
	d.status = r.judge(ctx, t, &d)
	if d.failed() && t.Host != nil && t.Host.launched() {
		if by := r.endedOutside(); by != nil { // the machine has gone: the host is not to blame
			d.status, d.err = Stopped, by
		}
	}
	d.ignored = d.status == Failed && s.IgnoreErrors
	if d.status == Stopped || d.status == Unreachable {
		return d, false
	}
	if s.Until != nil {
		done, err := s.Until(t.judged(d.res))
		switch {
		case err != nil:
			d.status, d.err = Failed, err
		case !done && d.status == OK:
			d.status, d.err = Failed, errors.New("until is not true")
		}
		d.ignored = d.status == Failed && s.IgnoreErrors
		return d, err == nil && !done
	}
	return d, d.status == Failed
}

// judge says what a result is worth.
func (r *Run) judge(ctx context.Context, t *Task, d *doing) Status {
	var unreachable *UnreachableError
	var unconfirmed *UnconfirmedError
	switch {
	case errors.As(d.err, &unreachable):
		return Unreachable
	case errors.As(d.err, &unconfirmed):
		return Failed
	case d.err != nil && ctx.Err() != nil:
		return Stopped
	case d.err != nil:
		return Failed
	case t.Step.FailedWhen != nil:
		failed, err := t.Step.FailedWhen(t.judged(d.res))
		if err != nil {
			d.err = err
			return Failed
		}
		if failed {
			d.err = fmt.Errorf("exit status %d: failed_when is true", d.res.Status)
			return Failed
		}
	case d.res.Command && d.res.Status != 0:
		d.err = fmt.Errorf("exit status %d", d.res.Status)
		return Failed
	}
	return OK
}

func (d doing) failed() bool { return d.status == Failed || d.status == Unreachable }

// text is what there is to say about how a step ended. The step's own place is shown beside it, so
// of a place inside of the step only the line is said, where it is another.
func text(s *Step, d doing) string {
	if d.err == nil {
		return d.res.Text
	}
	all := source.All(d.err, s.Pos)
	if len(all) != 1 || all[0].Error() != d.err.Error() || all[0].Pos.File != s.Pos.File {
		return d.err.Error()
	}
	if all[0].Pos.Line == s.Pos.Line {
		return all[0].Msg
	}
	return fmt.Sprintf("line %d: %s", all[0].Pos.Line, all[0].Msg)
}

func remedy(err error) string {
	var u *UnreachableError
	if errors.As(err, &u) {
		return u.Remedy
	}
	var r interface{ Remedy() string }
	if errors.As(err, &r) {
		return r.Remedy()
	}
	if all := source.All(err, source.Pos{}); len(all) == 1 {
		return all[0].Hint
	}
	return ""
}
