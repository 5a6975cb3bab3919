package runner

import (
	"context"
	"maps"
	"strings"
)

// do does the step's work.
func (t *Task) do(ctx context.Context) (Result, error) {
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	if t.Step.Once != nil {
		return t.Step.Once(ctx, t)
	}
	return t.Step.Host(ctx, t)
}

// Conn is the connection of the task's host. It comes with a fresh look at the host: what the
// scope says of it, such as its address, may not have been known before.
func (t *Task) Conn(ctx context.Context) (Conn, error) {
	conn, err := t.Host.Conn(ctx)
	if err == nil {
		t.Scope["host"] = t.Host.vars()
	}
	return conn, err
}

// capture gives the task writers for one attempt.
func (t *Task) capture() (stdout, stderr *lines) {
	keep := t.Step.Register != "" || t.Step.Until != nil || t.Step.FailedWhen != nil || t.Step.Race != nil && t.Step.Race.Announce
	writer := func(stream string) *lines {
		return &lines{stream: stream, keep: keep, emit: func(ev Event) { t.Run.events.Emit(t.event(ev)) }}
	}
	stdout, stderr = writer("stdout"), writer("stderr")
	t.Stdout, t.Stderr = stdout, stderr
	return stdout, stderr
}

// judged is the scope of failed_when and until: the task's, and the fresh result, both as names
// of their own and under the name that register gives it.
func (t *Task) judged(res Result) Scope {
	s := maps.Clone(t.Scope)
	rec := res.record(t.Host, OK)
	s["rc"], s["stdout"], s["stderr"] = res.Status, strings.TrimRight(res.stdout, "\r\n"), strings.TrimRight(res.stderr, "\r\n")
	if t.Step.Register != "" {
		s[t.Step.Register] = rec
	}
	return s
}

// Notice tells the user something about the task.
func (t *Task) Notice(text string) { t.Run.events.Emit(t.event(Event{Type: Notice, Text: text})) }

// Warn tells the user something about the task that is likely to be wrong.
func (t *Task) Warn(text string) { t.Run.events.Emit(t.event(Event{Type: Warning, Text: text})) }

// Print is what a print step says.
func (t *Task) Print(text string) { t.Run.events.Emit(t.event(Event{Type: Print, Text: text})) }

// event completes an event with the host and the step.
func (t *Task) event(ev Event) Event {
	if t.Host != nil {
		ev.Host, ev.Index = t.Host.Name(), &t.Host.Index
	}
	ev.Step = t.Step.Name
	return ev
}

func (t *Task) hostEnd(d doing) Event {
	ev := t.event(Event{
		Type: HostEnd, Kind: t.Step.Kind, Pos: t.Step.Pos.String(), Status: d.status, Ignored: d.ignored,
		Changed: d.res.Changed && d.status == OK, Text: text(t.Step, d), Remedy: remedy(d.err), Seconds: d.res.seconds,
	})
	if d.res.Command {
		ev.Code = &d.res.Status
	}
	return ev
}
