package runner

import "strings"

// registered is what one register: holds: a result per host, or one for the controller.
type registered struct {
	byHost  map[int]map[string]any
	results []any          // the same, in order
	own     map[string]any // of a step without hosts, or what the step as a whole has to say
}

// view is what expressions see: the host's own result where there is one, and in any case
// `results` (of all hosts, in order), `winner` (a result, or none) and `message`.
func (g *registered) view(h *Host) map[string]any {
	v := map[string]any{"winner": nil, "message": nil, "results": g.results, "skipped": len(g.byHost) == 0 && len(g.own) == 0}
	for k, x := range g.own {
		v[k] = x
	}
	if h != nil {
		for k, x := range g.byHost[h.Index] {
			v[k] = x
		}
	}
	return v
}

// look takes what has been learnt of the hosts' machines since the last step into what expressions
// see of them: an address, for example, is known only when the machine runs.
func (r *Run) look() {
	seen := r.seen.Load()
	if seen == r.fresh {
		return
	}
	r.fresh, r.hostVars = seen, make([]any, len(r.Hosts))
	for i, h := range r.Hosts {
		r.hostVars[i] = h.vars()
	}
}

// scope builds what a task can mention.
func (r *Run) scope(h *Host) Scope {
	s := Scope{}
	for k, v := range r.vars {
		s[k] = v
	}
	for name, g := range r.registers {
		s[name] = g.view(h)
	}
	s["count"] = len(r.Hosts)
	s["hosts"] = r.hostVars
	s["run"] = map[string]any{"id": r.ID, "dir": r.Dir, "provider": r.provider.Name()}
	if h != nil {
		s["index"] = h.Index
		s["host"] = r.hostVars[h.Index]
	}
	return s
}

// record is a result as register keeps it, in Ansible's words.
func (res Result) record(h *Host, status Status) map[string]any {
	v := map[string]any{
		"changed": res.Changed, "failed": status == Failed || status == Unreachable,
		"skipped": status == Skipped, "stopped": status == Stopped, "seconds": res.seconds, "msg": res.Text,
	}
	if res.Command {
		v["rc"] = res.Status
		v["stdout"] = strings.TrimRight(res.stdout, "\r\n")
		v["stderr"] = strings.TrimRight(res.stderr, "\r\n")
		v["stdout_lines"] = splitLines(res.stdout)
		v["truncated"] = res.truncated
	}
	for k, x := range res.Fields {
		v[k] = x
	}
	if h != nil {
		v["index"], v["host"] = h.Index, h.Name()
	}
	return v
}

func splitLines(s string) []any {
	out := []any{}
	for line := range strings.Lines(s) {
		out = append(out, strings.TrimRight(line, "\r\n"))
	}
	return out
}
