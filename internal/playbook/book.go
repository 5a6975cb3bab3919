// Package playbook reads YAML into a Book: strictly, with the place of everything in the
// file, and collecting all mistakes instead of stopping at the first.
//
// It knows the shape of a playbook (the keys of the top and of a step) and not what the
// values mean: those stay Values, which remember where they stand, until a step kind asks.
package playbook

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gofab/gofab/internal/source"
)

// Book is a playbook as it was written. A keyword that is absent is the zero Value.
type Book struct {
	File   string
	Source []byte

	Name            Value
	Vars            []Var
	Provider        Value
	Hosts           Value
	HostKeyChecking Value
	Deadline        Value
	Budget          Value
	Reserve         Value
	Forks           Value
	Steps           []*Step
}

// Var is a declared variable and its default.
type Var struct {
	Name  string
	Pos   source.Pos // of the name
	Value Value
}

// Step is one entry of steps: exactly one kind with its argument, and keywords.
type Step struct {
	Pos  source.Pos // of the kind
	Kind string     // empty when it is none that there is, which Load has reported
	Arg  Value

	Name         Value
	When         Value
	Register     Value
	Timeout      Value
	Always       Value
	IgnoreErrors Value
	Retries      Value
	Delay        Value
	Until        Value
	FailedWhen   Value
	Environment  Value
}

var topKeys = []string{
	"name", "vars", "provider", "hosts", "host_key_checking", "deadline", "budget", "reserve", "forks", "steps",
}

var stepKeywords = []string{
	"name", "when", "register", "timeout", "always", "ignore_errors", "retries", "delay", "until",
	"failed_when", "environment",
}

// Keywords are the words that a step may hold beside its kind; no kind can have such a name.
func Keywords() []string { return slices.Clone(stepKeywords) }

// Load reads a playbook. kinds are the names of the step kinds there are. The error is a
// source.Errors with every mistake; the Book is then what could be understood, so that more
// mistakes can be found in it, and nil only when the file as a whole could not.
func Load(name string, src []byte, kinds []string) (*Book, error) {
	var errs source.List
	root, ok := parse(name, src, &errs)
	if !ok {
		return nil, errs.Err()
	}
	if root.IsZero() {
		errs.Add(&source.Error{Pos: source.Pos{File: name}, Msg: "the playbook is empty", Hint: example})
		return nil, errs.Err()
	}
	if !root.IsMapping() {
		errs.Add(notABook(root))
		return nil, errs.Err()
	}
	b := &Book{File: name, Source: src}
	b.read(root, kinds, &errs)
	return b, errs.Err()
}

const example = "a playbook is a mapping with steps:, a list of steps"

func notABook(root Value) *source.Error {
	e := &source.Error{Pos: root.Pos(), Msg: "the top of a playbook must be a mapping, not " + root.KindName(), Hint: example}
	for _, play := range root.List() {
		for _, p := range play.Pairs() {
			if slices.Contains([]string{"hosts", "tasks", "roles", "import_playbook"}, p.Key) {
				e.Msg = "this is a list of plays, as Ansible has it; here a file is one play"
				e.Hint = "take the keys of the play to the left margin, without the dash, and call tasks: steps:"
			}
		}
	}
	return e
}

func (b *Book) read(root Value, kinds []string, errs *source.List) {
	f := topFields(root, errs)
	b.Name, b.Provider, b.Hosts = f["name"], f["provider"], f["hosts"]
	b.HostKeyChecking, b.Deadline = f["host_key_checking"], f["deadline"]
	b.Budget, b.Reserve, b.Forks = f["budget"], f["reserve"], f["forks"]
	b.readVars(f["vars"], errs)
	if f["steps"].IsZero() {
		if _, ansible := f["tasks"]; !ansible {
			errs.Add(&source.Error{Pos: root.Pos(), Msg: "the playbook has no steps", Hint: "add steps:, a list of steps"})
		}
		return
	}
	b.readSteps(f["steps"], kinds, errs)
}

// topFields is Fields with an answer for those who come from Ansible.
func topFields(root Value, errs *source.List) Fields {
	fields := Fields{}
	for _, p := range root.Pairs() {
		if p.Key == "tasks" && !slices.Contains(topKeys, p.Key) {
			errs.Add(&source.Error{Pos: p.Pos, Msg: `unknown key "tasks"`, Hint: `did you mean "steps"?`})
		} else if !slices.Contains(topKeys, p.Key) {
			errs.Add(unknownKey(p, topKeys))
		}
		fields[p.Key] = p.Value
	}
	return fields
}

func (b *Book) readVars(v Value, errs *source.List) {
	if v.IsZero() || v.IsNull() {
		return
	}
	if !v.IsMapping() {
		errs.Add(&source.Error{Pos: v.Pos(), Msg: "vars must be a mapping of names to values, not " + v.KindName()})
		return
	}
	for _, p := range v.Pairs() {
		b.Vars = append(b.Vars, Var{Name: p.Key, Pos: p.Pos, Value: p.Value})
	}
}

func (b *Book) readSteps(v Value, kinds []string, errs *source.List) {
	if !v.IsList() {
		errs.Add(&source.Error{Pos: v.Pos(), Msg: "steps must be a list, not " + v.KindName(), Hint: "begin every step with a dash"})
		return
	}
	if len(v.List()) == 0 {
		errs.Addf(v.Pos(), "the list of steps is empty")
	}
	for _, item := range v.List() {
		if s := readStep(item, kinds, errs); s != nil {
			b.Steps = append(b.Steps, s)
		}
	}
}

func readStep(v Value, kinds []string, errs *source.List) *Step {
	if !v.IsMapping() {
		errs.Add(notAStep(v, kinds))
		return nil
	}
	var found []Pair
	fields := Fields{}
	var strange []Pair
	for _, p := range v.Pairs() {
		switch {
		case slices.Contains(kinds, p.Key):
			found = append(found, p)
		case slices.Contains(stepKeywords, p.Key):
			fields[p.Key] = p.Value
		default:
			strange = append(strange, p)
		}
	}
	for _, p := range strange {
		errs.Add(unknownStepKey(p, kinds, found))
	}
	if len(found) == 0 {
		if len(strange) > 0 { // whatever it was meant to be, it may register what later steps mention
			return newStep(Pair{Pos: strange[len(strange)-1].Pos}, fields)
		}
		errs.Add(&source.Error{Pos: v.Pos(), Msg: "the step does nothing: no step kind in it", Hint: "the kinds are " + strings.Join(kinds, ", ")})
		return nil
	}
	if len(found) > 1 && found[0].Key != found[1].Key {
		errs.Add(&source.Error{
			Pos:  found[1].Pos,
			Msg:  fmt.Sprintf("a step has one kind, but this one has %s and %s", found[0].Key, found[1].Key),
			Hint: "make two steps of it, each with a dash",
		})
	}
	return newStep(found[0], fields)
}

func newStep(kind Pair, f Fields) *Step {
	return &Step{
		Pos: kind.Pos, Kind: kind.Key, Arg: kind.Value,
		Name: f["name"], When: f["when"], Register: f["register"], Timeout: f["timeout"],
		Always: f["always"], IgnoreErrors: f["ignore_errors"], Retries: f["retries"], Delay: f["delay"],
		Until: f["until"], FailedWhen: f["failed_when"], Environment: f["environment"],
	}
}

func notAStep(v Value, kinds []string) *source.Error {
	e := &source.Error{Pos: v.Pos(), Msg: "a step must be a mapping, not " + v.KindName()}
	if v.IsNull() {
		e.Msg, e.Hint = "the step is empty", "the kinds are "+strings.Join(kinds, ", ")
		return e
	}
	if word, ok := v.Scalar(); ok {
		if slices.Contains(kinds, word) {
			e.Hint = fmt.Sprintf("add a colon: - %s:", word)
		} else {
			e.Hint = source.Suggest(word, kinds)
		}
	}
	return e
}

func unknownKey(p Pair, known []string) *source.Error {
	hint := source.Suggest(p.Key, known)
	if hint == "" && len(known) > 0 {
		hint = "the keys here are " + strings.Join(known, ", ")
	}
	return &source.Error{Pos: p.Pos, Msg: fmt.Sprintf("unknown key %q", p.Key), Hint: hint}
}

// elsewhere answers those who know the word from another tool.
var elsewhere = map[string]string{
	"shell": "here it is run-parallel, or run for one host after the other", "command": "here it is run-parallel, or run for one host after the other",
	"script": "put the file, then run it with run-parallel", "copy": "here it is put", "fetch": "here it is get", "debug": "here it is print",
	"local_action": "here it is local", "sudo": "write sudo into the command", "become": "there is no become yet: write sudo into the command",
	"loop": "there are no loops over steps yet", "with_items": "there are no loops over steps yet", "tags": "there are no tags yet",
	"serial": "there is no serial yet: run takes one host after the other", "run_once": "there is no run_once yet", "notify": "there are no handlers yet",
	"no_log": "there is no no_log yet",
}

// unknownStepKey words the mistake of p in a step of the kinds found.
func unknownStepKey(p Pair, kinds []string, found []Pair) *source.Error {
	e := &source.Error{Pos: p.Pos, Msg: fmt.Sprintf("unknown key %q in a step: neither a step kind nor a keyword", p.Key)}
	e.Hint = cmp.Or(elsewhere[p.Key], source.Suggest(p.Key, append(slices.Clone(kinds), stepKeywords...)))
	switch {
	case e.Hint != "":
	case len(found) > 0:
		e.Hint = fmt.Sprintf("if %s is to have it, write %s: {…, %s: …}; the keywords of every step are %s", found[0].Key, found[0].Key, p.Key, strings.Join(stepKeywords, ", "))
	default:
		e.Hint = "the kinds are " + strings.Join(kinds, ", ") + "; the keywords are " + strings.Join(stepKeywords, ", ")
	}
	return e
}
