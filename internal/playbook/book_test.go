package playbook

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gofab/gofab/internal/source"
)

var kinds = []string{"provision", "put", "run", "run-parallel", "get", "scram", "print"}

func load(t *testing.T, text string) *Book {
	t.Helper()
	b, err := Load("b.yaml", []byte(text), kinds)
	if err != nil {
		t.Fatalf("%v\nin\n%s", err, text)
	}
	return b
}

func TestLoad(t *testing.T) {
	t.Parallel()
	b := load(t, strings.ReplaceAll(`name: nonce search
provider: local
vars:
  N: 8
  "label": 'é{{ N }}'
deadline: 200s
steps:
  - name: machines
    provision:
      count: "{{ N }}"
  - run-parallel: ./miner
    register: search
    when: true
  - scram:
    always: true
`, "\n", "\r\n"))
	if len(b.Steps) != 3 || len(b.Vars) != 2 {
		t.Fatalf("got %d steps, %d vars", len(b.Steps), len(b.Vars))
	}
	for _, c := range []struct{ what, got, want string }{
		{"name", fmt.Sprint(b.Name.Scalar()), "nonce searchtrue"},
		{"deadline", b.Deadline.Pos().String(), "b.yaml:6:11"},
		{"var", fmt.Sprint(b.Vars[1].Name, b.Vars[1].Pos, b.Vars[1].Value.Pos()), "labelb.yaml:5:4 b.yaml:5:13"},
		{"kinds", b.Steps[0].Kind + b.Steps[1].Kind + b.Steps[2].Kind, "provisionrun-parallelscram"},
		{"step", b.Steps[0].Pos.String(), "b.yaml:9:5"},
		{"when", fmt.Sprint(b.Steps[1].When.IsBool()), "true"},
		{"absent", fmt.Sprint(b.Steps[0].When.IsZero(), b.Forks.IsZero()), "true true"},
		{"null", fmt.Sprint(b.Steps[2].Arg.IsNull(), b.Steps[2].Arg.IsZero()), "true false"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %s, want %s", c.what, c.got, c.want)
		}
	}
	var errs source.List
	count := b.Steps[0].Arg.Fields(&errs, "count", "min")["count"]
	if errs.Len() > 0 || count.Pos().String() != "b.yaml:10:15" {
		t.Errorf("count at %s, %v", count.Pos(), errs.Err())
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	const top = "name, vars, provider, hosts, host_key_checking, deadline, budget, reserve, forks, steps"
	const all = "provision, put, run, run-parallel, get, scram, print"
	const words = "name, when, register, timeout, always, ignore_errors, retries, delay, until, failed_when, environment"
	for _, c := range []struct{ src, want string }{
		{"", "b.yaml: the playbook is empty; " + example},
		{"# only a comment\n---\n", "b.yaml: the playbook is empty; " + example},
		{"~", "b.yaml: the playbook is empty; " + example},
		{"just text", "1:1: the top of a playbook must be a mapping, not a text; " + example},
		{"- a\n", "1:1: the top of a playbook must be a mapping, not a list; " + example},
		{"- hosts: all\n  tasks: []\n", "1:1: this is a list of plays, as Ansible has it; here a file is one play; take the keys of the play to the left margin, without the dash, and call tasks: steps:"},
		{"name: x\n", "1:1: the playbook has no steps; add steps:, a list of steps"},
		{"steps:\n", "1:7: steps must be a list, not nothing; begin every step with a dash"},
		{"steps: {a: b}\n", "1:8: steps must be a list, not a mapping; begin every step with a dash"},
		{"steps: []\n", "1:8: the list of steps is empty"},
		{"tasks:\n- run: x\n", `1:1: unknown key "tasks"; did you mean "steps"?`},
		{"nmae: x\nDeadline: 3\nbecome: true\nsteps:\n- run: x\n", `1:1: unknown key "nmae"; did you mean "name"?
2:1: unknown key "Deadline"; did you mean "deadline"?
3:1: unknown key "become"; the keys here are ` + top},
		{"vars: [a]\nsteps:\n- run: x\n", "1:7: vars must be a mapping of names to values, not a list"},
		{"steps:\n- scram\n- 3\n- scarm\n-\n", `2:3: a step must be a mapping, not a text; add a colon: - scram:
3:3: a step must be a mapping, not an integer
4:3: a step must be a mapping, not a text; did you mean "scram"?
5:2: the step is empty; the kinds are provision, put, run, run-parallel, get, scram, print`},
		{"steps:\n- run: x\n  put: y\n- when: true\n- run_parallel: x\n- whne: x\n  run: y\n- loop: 3\n  run: x\n", `3:3: a step has one kind, but this one has run and put; make two steps of it, each with a dash
4:3: the step does nothing: no step kind in it; the kinds are ` + all + `
5:3: unknown key "run_parallel" in a step: neither a step kind nor a keyword; did you mean "run-parallel"?
6:3: unknown key "whne" in a step: neither a step kind nor a keyword; did you mean "when"?
8:3: unknown key "loop" in a step: neither a step kind nor a keyword; there are no loops over steps yet`},
		{"steps:\n- put: x\n  speed: y\n", `3:3: unknown key "speed" in a step: neither a step kind nor a keyword; if put is to have it, write put: {…, speed: …}; the keywords of every step are ` + words},
		{"steps:\n- provision:\n    count: {{ N }}\n    type: {{ t | d('x') }} # c\n- rnu: x\n", `3:12: a value that begins with {{ needs quotes; quote it: count: "{{ N }}"
4:11: a value that begins with {{ needs quotes; quote it: type: "{{ t | d('x') }}"
5:3: unknown key "rnu" in a step: neither a step kind nor a keyword; did you mean "run"?`},
		{"steps:\n- run: {{ a }} b\n- put: x\n", `2:8: a value that begins with {{ needs quotes; quote it: - run: "{{ a }} b"`},
		{"steps:\n- print: {{ a[\"k\"] }}-{{ b }}\n", `2:10: a value that begins with {{ needs quotes; quote it: - print: '{{ a["k"] }}-{{ b }}'`},
		{"steps:\n\t- run: x\n", "2:1: a tab in the indentation; indent with spaces"},
		{"steps:\n- run: x\n \twhen: y\n", "3:2: a tab in the indentation; indent with spaces"},
		{"name: a: b\n", `1:8: a colon where no key can stand; put a text that holds ": " in quotes, and check the indentation`},
		{"steps: [1, 2\n", "1:1: a list in [ ] is not closed, or a comma is missing"},
		{"steps:\n- put: {src: a, dest: b}\n- run:\n    cmd: echo a : b\n- run: x\n", `4:17: a colon where no key can stand; put a text that holds ": " in quotes, and check the indentation`},
		{"name: 'abc\nsteps:\n- run: x\n", "1:7: a quote is opened and never closed"},
		{"name: \"a\\q\"\n", "1:9: an unknown escape in double quotes; single quotes take a backslash as it is"},
		{"name: @x\n", "1:7: a character that no value can begin with; put the text in quotes"},
		{"name: *x\n", "1:7: an alias without its anchor; put a text that begins with * in quotes"},
		{"name: a\x07\n", `1:8: a control character; in double quotes it can be written as an escape: "\x07"`},
		{"name: &a [*a]\nsteps:\n- run: x\n", "1:11: the alias *a stands inside of what it stands for"},
		{"name: !vault y\nsteps:\n- run: x\n", "1:7: the tag !vault means nothing here; put a text that begins with ! in quotes"},
		{"name: a\nname: b\nsteps:\n- run: x\n  run: y\n", "2:1: the key \"name\" is repeated; it is in line 1 already\n5:3: the key \"run\" is repeated; it is in line 4 already"},
		{"vars:\n  1: x\n  true: y\nsteps:\n- run: x\n", "2:3: a key must be text, and YAML takes 1 for something else; put it in quotes: \"1\":\n3:3: a key must be text, and YAML takes true for something else; put it in quotes: \"true\":"},
		{"vars:\n  ? [a]\n  : z\n", "2:5: a key must be text, not a list"},
		{"vars: &b {x: 1}\nsteps:\n- run:\n    <<: *b\n", "4:5: merge keys (<<) are not supported; write the keys out"},
		{"---\nname: 1\n---\nb: 2\n", "3:1: a second document begins here; a playbook is one; take out the line with ---"},
		{"name: a\x00b", "1:8: a NUL byte: this is not a text file"},
		{"name: ü\xff\n", "1:8: this is not UTF-8; save the file as UTF-8"},
		{strings.Repeat("#", maxFile+1), "b.yaml: the file has more than 4 MiB"},
		{"vars: " + strings.Repeat("[", 200) + strings.Repeat("]", 200), "1:107: the file is nested too deep"},
		{bomb(), ""},
	} {
		_, err := Load("b.yaml", []byte(c.src), kinds)
		if err == nil {
			t.Errorf("no error in\n%.200s", c.src)
			continue
		}
		if got := strings.ReplaceAll(err.Error(), "b.yaml:1:", "1:"); c.want != "" {
			got = strings.NewReplacer("b.yaml:2:", "2:", "b.yaml:3:", "3:", "b.yaml:4:", "4:", "b.yaml:5:", "5:", "b.yaml:6:", "6:", "b.yaml:8:", "8:").Replace(got)
			if got != c.want {
				t.Errorf("in\n%.200s\ngot  %s\nwant %s", c.src, got, c.want)
			}
		}
	}
}

// bomb is a file that unfolds to a billion values.
func bomb() string {
	var b strings.Builder
	b.WriteString("vars:\n  a0: &a0 [x]\n")
	for i := range 9 {
		fmt.Fprintf(&b, "  a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 10), ", "))
	}
	return b.String()
}

func TestBOM(t *testing.T) {
	t.Parallel()
	b := load(t, "\ufeffname: x\nsteps:\n- run: y\n")
	if got := b.Name.Pos().String(); got != "b.yaml:1:7" {
		t.Error(got)
	}
}

// Each text holds an @; the place of that character must be found again.
func TestAt(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"plain @", "'it''s @'", `"tab\t\x41é\u00e9 @"`, "|\n    a\n      b @\n", "|-\n    @", ">\n    folded\n    line\n\n    more @\n",
		"a plain\n    text on @ lines", "\"x\\\n    y  z\n\n    @\"", "!!str x@", "&anchor 'y@'", "é @", "|2\n    x @\n", "|\n\n\n    x @\n",
		"'a\n\n    b @'", "|  # comment\n    @x\n",
	} {
		text := "name: x\nsteps:\n- run: " + value
		b := load(t, text)
		scalar, _ := b.Steps[0].Arg.Scalar()
		got := b.Steps[0].Arg.At(strings.IndexByte(scalar, '@'))
		before := text[:strings.IndexByte(text, '@')]
		line := before[strings.LastIndexByte(before, '\n')+1:]
		want := source.Pos{File: "b.yaml", Line: strings.Count(before, "\n") + 1, Col: len([]rune(line)) + 1}
		if got != want {
			t.Errorf("%q: got %s, want %s", value, got, want)
		}
	}
}

func TestTemplateErrorInBlock(t *testing.T) {
	t.Parallel()
	b := load(t, "steps:\n- run: >\n    ./miner --index {{ index }}\n    --x {{ foo | nope }}\n  when: |\n    a and\n    b is defned\n")
	_, err := b.Steps[0].Arg.Template(nil)
	if err == nil || !strings.HasPrefix(err.Error(), `b.yaml:4:18: there is no filter "nope"`) {
		t.Error(err)
	}
	_, err = b.Steps[0].When.Condition(nil)
	if err == nil || !strings.HasPrefix(err.Error(), `b.yaml:7:10: there is no test "defned"`) {
		t.Error(err)
	}
}

func TestAny(t *testing.T) {
	t.Parallel()
	b := load(t, "vars: {a: 1, b: 0x10, c: 1.5, d: yes, e: true, f: null, g: [1, x], h: 2024-01-01, i: \"1\", j: .inf, k: &k [1], l: *k, m: 99999999999999999999}\nsteps: [{run: x}]")
	got := map[string]any{}
	for _, v := range b.Vars {
		data, err := v.Value.Any()
		if err != nil {
			t.Fatal(err)
		}
		got[v.Name] = data
	}
	delete(got, "j")
	want := map[string]any{
		"a": 1, "b": 16, "c": 1.5, "d": "yes", "e": true, "f": nil, "g": []any{1, "x"}, "h": "2024-01-01", "i": "1",
		"k": []any{1}, "l": []any{1}, "m": 1e20,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %#v\nwant %#v", got, want)
	}
}

func TestFields(t *testing.T) {
	t.Parallel()
	b := load(t, "steps:\n- provision:\n    coutn: 3\n    min: 1\n    foo: 2\n- provision: 5\n- provision:\n")
	var errs source.List
	for _, s := range b.Steps {
		s.Arg.Fields(&errs, "count", "min")
	}
	want := `b.yaml:3:5: unknown key "coutn"; did you mean "count"?
b.yaml:5:5: unknown key "foo"; the keys here are count, min
b.yaml:6:14: expected a mapping, found an integer; the keys are count, min
b.yaml:7:13: expected a mapping, found nothing; the keys are count, min`
	if err := errs.Err(); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestPartialBook(t *testing.T) {
	t.Parallel()
	b, err := Load("b.yaml", []byte("nmae: x\nsteps:\n- run: x\n"), kinds)
	var errs source.Errors
	if b == nil || len(b.Steps) != 1 || !errors.As(err, &errs) || len(errs) != 1 {
		t.Errorf("got %v, %v", b, err)
	}
}
