package playbook

import (
	"fmt"
	"io/fs"
	"reflect"
	"strings"
	"testing"
)

func noFile(path string) ([]byte, error) { return nil, fs.ErrNotExist }

func TestParseExtra(t *testing.T) {
	t.Parallel()
	read := func(path string) ([]byte, error) {
		if path != "dir/v.yaml" {
			return nil, fs.ErrNotExist
		}
		return []byte("# c\nN: 9\nlabel: a b\n"), nil
	}
	for arg, want := range map[string]string{
		"N=8":                      "N=8(string,text)",
		"a=1 b=\"x y\"  c='p \"q'": `a=1(string,text) b=x y(string,text) c=p "q(string,text)`,
		"a=":                       "a=(string,text)",
		"a=b=c":                    "a=b=c(string,text)",
		`a="x\"y\\z" b=\n`:         `a=x"y\z(string,text) b=\n(string,text)`,
		`{"N": 8, "x": [1, "2"]}`:  "N=8(int) x=[1 2]([]interface {})",
		"{N: 8.5, ok: true}":       "N=8.5(float64) ok=true(bool)",
		"N: 8":                     "N=8(int)",
		"@dir/v.yaml":              "N=9(int) label=a b(string)",
		"{}":                       "",
		"url=http://x:8080/?a=b":   "url=http://x:8080/?a=b(string,text)",
		"cmd='echo a: b'":          "cmd=echo a: b(string,text)",
	} {
		extra, err := ParseExtra([]string{arg}, read)
		if err != nil {
			t.Errorf("%s: %v", arg, err)
		}
		var out []string
		for _, e := range extra {
			kind := fmt.Sprintf("%T", e.Value)
			if e.Text {
				kind += ",text"
			}
			out = append(out, fmt.Sprintf("%s=%v(%s)", e.Name, e.Value, kind))
		}
		if got := strings.Join(out, " "); got != want {
			t.Errorf("%s: got %s, want %s", arg, got, want)
		}
	}
	for arg, want := range map[string]string{
		"N":            `-e N: "N" is not name=value; a value with blanks needs quotes inside of the argument: -e 'name="a b"'`,
		"a=1 b":        `-e a=1 b: "b" is not name=value; a value with blanks needs quotes inside of the argument: -e 'name="a b"'`,
		"a='x":         "-e a='x: a quote ' is never closed",
		"":             "-e: no variable in it; write -e name=value",
		"@nope":        "-e @nope: file does not exist",
		`{"a": }`:      "",
		"{a: 1, a: 2}": `-e:1:8: the key "a" is repeated; it is in line 1 already`,
		"- a: 1":       "-e:1:1: variables must be a mapping of names to values, not a list",
	} {
		_, err := ParseExtra([]string{arg}, read)
		if want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%s: got %v, want %s", arg, err, want)
		}
	}
}

const declared = `vars:
  N: 8
  rate: 0.5
  fast: false
  label: 'run'
  list: [1]
  map: {a: 1}
  any:
  double: "{{ N * 2 }}"
  args: ["-n", "{{ N }}", {deep: "{{ double }}"}]
  shell: "${#x} {# gone #}"
steps:
- run: x
`

var builtins = []string{"index", "count", "host", "hosts", "run"}

func TestResolve(t *testing.T) {
	t.Parallel()
	b := load(t, declared)
	for args, want := range map[string]map[string]any{
		"":                    {"N": 8, "rate": 0.5, "fast": false, "label": "run", "list": []any{1}, "map": map[string]any{"a": 1}, "any": nil, "shell": "${#x} "},
		"N=9":                 {"N": 9},
		"N=010":               {"N": 10},
		"rate=2":              {"rate": 2.0},
		"fast=yes":            {"fast": true},
		"label=8":             {"label": "8"},
		"label='{{ N }}'":     {"label": "{{ N }}"},
		"any=[1,2]":           {"any": []any{1, 2}},
		"any=8":               {"any": 8},
		"any=plain":           {"any": "plain"},
		"list=[a]":            {"list": []any{"a"}},
		"double=3":            {"double": 3},
		`{"N": 3, "rate": 2}`: {"N": 3, "rate": 2.0},
	} {
		extra, err := ParseExtra(strings.Fields(args)[:min(1, len(strings.Fields(args)))], noFile)
		if strings.Contains(args, " ") {
			extra, err = ParseExtra([]string{args}, noFile)
		}
		if err != nil {
			t.Fatal(err)
		}
		values, _, err := b.Resolve(extra, builtins)
		if err != nil {
			t.Errorf("%s: %v", args, err)
		}
		for name, v := range want {
			if !reflect.DeepEqual(values[name], v) {
				t.Errorf("%s: %s is %#v, want %#v", args, name, values[name], v)
			}
		}
	}
	values, lazy, err := b.Resolve(nil, builtins)
	if err != nil {
		t.Fatal(err)
	}
	got, err := lazy.Vars["args"].Value(values)
	if want := []any{"-n", 8, map[string]any{"deep": 16}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, %v", got, err)
	}
}

func TestResolveMistakes(t *testing.T) {
	t.Parallel()
	b := load(t, declared)
	for args, want := range map[string]string{
		"n=8":          `-e n: the playbook declares no variable n; did you mean "N"?`,
		"zzzz=8":       "-e zzzz: the playbook declares no variable zzzz; it declares N, rate, fast, label, list, map, any, double, args, shell",
		"index=8":      "-e index: index is built in and cannot be set",
		"N=abc":        "-e N=abc: N is an integer (default 8, b.yaml:2:6)",
		"N=1.5":        "-e N=1.5: N is an integer (default 8, b.yaml:2:6)",
		"N=":           "-e N=: N is an integer (default 8, b.yaml:2:6)",
		"rate=x":       "-e rate=x: rate is a number (default 0.5, b.yaml:3:9)",
		"fast=8":       "-e fast=8: fast is a boolean (default false, b.yaml:4:9)",
		"list=3":       "-e list=3: list is a list (default a list, b.yaml:6:9)",
		`{"N": "8"}`:   "-e N: N is an integer (default 8, b.yaml:2:6), not a text",
		`{"N": 8.0}`:   "-e N: N is an integer (default 8, b.yaml:2:6), not a number with a fraction",
		`{"N": null}`:  "-e N: N is an integer (default 8, b.yaml:2:6), not null",
		`{"label": 8}`: `-e label: label is a text (default "run", b.yaml:5:11), not an integer`,
	} {
		extra, err := ParseExtra([]string{args}, noFile)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err = b.Resolve(extra, builtins); err == nil || err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %s", args, err, want)
		}
	}
	b = load(t, "vars:\n  index: 1\n  my-var: 2\n  and: 3\n  a: '{{ b }}'\n  b: '{{ a }}'\n  c: '{{ 1 | nope }}'\n  8x: 1\nsteps:\n- run: x\n")
	_, _, err := b.Resolve(nil, builtins)
	want := `b.yaml:2:3: the name index is taken: it is built in; built in are index, count, host, hosts, run
b.yaml:3:3: "my-var" cannot be the name of a variable; write my_var
b.yaml:4:3: and is a word of the language and cannot be the name of a variable
b.yaml:6:10: the variable a is defined by itself: a -> b -> a
b.yaml:7:14: there is no filter "nope"
b.yaml:8:3: "8x" cannot be the name of a variable; names are letters, digits and _, and do not begin with a digit`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
