package expr

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/source"
)

var start = source.Pos{File: "book.yaml", Line: 10, Col: 5}

func scope() map[string]any {
	return map[string]any{
		"D": 5, "N": 8, "index": 3, "rc": 0, "price": 0.5, "big": 1e20, "one": 1.0,
		"yes": true, "no": false, "nothing": nil, "empty": "", "name": "a'b c", "stdout": "nonce 116\n",
		"braces": "{{ N }}", "host": map[string]any{"name": "h1", "address": "10.0.0.1"},
		"hosts":  []any{map[string]any{"name": "h0"}, map[string]any{"name": "h1"}},
		"search": map[string]any{"winner": map[string]any{"stdout": "116"}, "items": []any{1, 2}},
		"words":  []string{"x", "y"}, "took": 90 * time.Second, "n64": int64(7), "s": "z=1",
		"users": []any{map[string]any{"n": "b", "age": 2}, map[string]any{"n": "a", "age": 1}},
	}
}

func TestRender(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                   "",
		"plain":                              "plain",
		"tail\n":                             "tail\n",
		"a\r\nb\x00\x1b[1m ü\xff }} %} #} {": "a\r\nb\x00\x1b[1m ü\xff }} %} #} {",
		"{{ 8 }}":                            "8",
		"{{ 0.5 }}":                          "0.5",
		"{{ 1.0 }} {{ one }} {{ big }}":      "1.0 1.0 1e+20",
		"{{ true }} {{ False }} {{ none }}":  "True False None",
		"{{ N }}\n":                          "8\n",
		"{{N}}{{index}}":                     "83",
		"x{{- N -}} y":                       "x8y",
		"logs/Instance{{ index }}.log":       "logs/Instance3.log",
		"{{ search.winner.stdout }}":         "116",
		"{{ search['winner']['stdout'] }}":   "116",
		"{{ search.items }}":                 "[1, 2]",
		"{{ hosts | length }}":               "2",
		"{{ hosts[0].name }}{{ hosts.1.name }}{{ hosts[-1].name }}": "h0h1h1",
		`{{ "%05d" | format(index) }}`:                              "00003",
		`{{ "%s-%s" | format(yes, price) }}`:                        "True-0.5",
		`{{ "%5.2f%%" % price }}`:                                   " 0.50%",
		`{{ "%d of %d" % (index, N) }}`:                             "3 of 8",
		"{{ index % 2 == 0 }}":                                      "False",
		"{{ 'a' if yes else 'b' }}":                                 "a",
		"{{ '--json' if no }}":                                      "",
		"{{ 'x' ~ ('a' if no else 'b') }}":                          "xb",
		"{{ 1 if no else 2 if no else 3 }}":                         "3",

		"{% for h in hosts %}{{ loop.index }}={{ h.name }}{{ ',' if not loop.last }}{% endfor %}": "1=h0,2=h1",
		"{% for k, v in host.items() %}{{ k }}={{ v }};{% endfor %}":                              "address=10.0.0.1;name=h1;",
		"{% for i in range(3) if i != 1 %}{{ i }}{% else %}none{% endfor %}":                      "02",
		"{% for i in [] %}x{% else %}none{% endfor %}":                                            "none",
		"{% if D > 6 %}a{% elif D > 4 %}b{% else %}c{% endif %}":                                  "b",
		"{% set x = D * 2 %}{{ x }}":                                                              "10",
		"{% set x %}<{{ D }}>{% endset %}{{ x }}":                                                 "<5>",
		"{% macro m(a, b=2) %}{{ a }}+{{ b }}{% endmacro %}{{ m(1) }} {{ m(1, b=3) }}":            "1+2 1+3",
		"{% raw %}{{ N }}{% endraw %}":                                                            "{{ N }}",
		"a{# comment {{ #}b":                                                                      "ab",
		"a {#- x -#} b":                                                                           "ab",
		"${#name} {{ N }}":                                                                        "${#name} 8",
		"{{ '{{' }}{{ '}}' }}":                                                                    "{{}}",
		"{{ braces }}":                                                                            "{{ N }}",
		"{{ {'a': {'b': 1}}['a']['b'] }}":                                                         "1",
		"{{ {'a': 1, 'b': [none, 'x']} }}":                                                        "{'a': 1, 'b': [None, 'x']}",
		"{{ [1, 'it\\'s', 2.0] }}":                                                                `[1, "it's", 2.0]`,
		"{{ (1, 2) }} {{ () }} {{ (1,) }}":                                                        "[1, 2] [] [1]",

		"{{\n  N\n  + 1\n}}": "9",
		"{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }}":          "3 -4 2 3.5 1024 0.5",
		"{{ 1 < index < 5 }} {{ 1 < index < 3 }}":                                                  "True False",
		"{{ not yes or yes and no }}":                                                              "False",
		"{{ nothing or 'x' }}":                                                                     "x",
		"{{ nothing | default('x') }}":                                                             "None",
		"{{ nothing | default('x', true) }}":                                                       "x",
		"{{ undef | default('x') }}":                                                               "x",
		"{{ undef.a.b | d('x') }}":                                                                 "x",
		"{{ search.loser.x | default(N) }}":                                                        "8",
		"{{ undef is defined }}":                                                                   "False",
		"{{ search.winner is defined and D is not undefined }}":                                    "True",
		"{{ nothing is defined }} {{ nothing is none }}":                                           "True True",
		`{{ name | quote }} {{ 'ok' | quote }} {{ '' | quote }}`:                                   `'a'"'"'b c' ok ''`,
		"{{ '/a/b.txt' | basename }} {{ '/a/b.txt' | dirname }}":                                   "b.txt /a",
		`{{ '{"a": [1, 2.5, null]}' | from_json }}`:                                                "{'a': [1, 2.5, None]}",
		`{{ ('{"a": [1]}' | from_json).a[0] + 1 }}`:                                                "2",
		"{{ {'b': '<é>', 'a': none} | to_json }}":                                                  `{"a":null,"b":"<é>"}`,
		"{{ '12' | int + 1 }} {{ 'x' | int }} {{ 'x' | int(default=4) }} {{ 3.9 | int }}":          "13 0 4 3",
		"{{ '1.5' | float * 2 }}":                                                                  "3.0",
		"{{ words | join('+') }} {{ hosts | map(attribute='name') | join(',') }}":                  "x+y h0,h1",
		"{{ words | map('upper') | list }} {{ [3,1,2] | sort }} {{ [1,2] | sum }}":                 "['X', 'Y'] [1, 2, 3] 3",
		"{{ users | sort(attribute='age') | map(attribute='n') | join }}":                          "ab",
		"{{ users | selectattr('age', 'gt', 1) | map(attribute='n') | list }}":                     "['b']",
		"{{ ['a.log', 'b'] | select('match', '.*log') | list }}":                                   "['a.log']",
		"{{ words | first }}{{ words | last }} {{ [2,5] | max }} {{ 3.7 | round | int }}":          "xy 5 4",
		"{{ ' x ' | trim }}{{ 'ab' | upper | replace('A', 'c') }}":                                 "xcB",
		"{{ 'a,b'.split(',') }} {{ 'a b' | split }} {{ ' x'.strip() }}":                            "['a', 'b'] ['a', 'b'] x",
		"{{ host.get('nope', 4) }} {{ host.keys() }}":                                              "4 ['address', 'name']",
		"{{ 'x86_64'.startswith('x86') }} {{ 'a-b'.replace('-', '_') }}":                           "True a_b",
		"{{ '\\d' }} {{ \"\\u00e9\\n\" }}":                                                         "\\d é\n",
		"{{ 'a' 'b' }} {{ 'ab'[0] }} {{ 'abc'[1:] }} {{ [1,2,3][::-1] }} {{ [1,2,3][-3] }}":        "ab a bc [3, 2, 1] 1",
		"{{ 'é'*3 }} {{ [1] + [2] }} {{ 'a' + 'b' }} {{ 1 ~ 2 }}":                                  "ééé [1, 2] ab 12",
		"{{ took }} {{ n64 + 1 }}":                                                                 "1m30s 8",
		"{{ 0x10 }} {{ 1_000 }} {{ 1e3 }}":                                                         "16 1000 1000.0",
		"{{ -index }} {{ - 2 ** 2 }} {{ +1 }}":                                                     "-3 4 1",
		"{{ index in [1, 3] }} {{ 'a' not in 'xyz' }} {{ 'name' in host }}":                        "True True True",
		"{{ 3 in [1] + [3] }} {{ 'b' in words | map('replace', 'x', 'b') | list }}":                "True True",
		"{{ stdout is match 'nonce' and stdout is search('\\d+') }}":                               "True",
		"{{ 3 is odd }} {{ 4 is divisibleby 2 }} {{ 'x' is string }} {{ 1 is number }}":            "True True True True",
		"{{ dict(a=1) }} {{ range(4, 0, -2) | list }}":                                             "{'a': 1} [4, 2]",
		"{{ 'false' | bool }} {{ 'Yes' | bool }}":                                                  "False True",
		"{{ 'a1' | regex_replace('([a-z])(\\d)', '\\2\\1') }}":                                     "1a",
		"{{ 'ab'.center(5, '*') }}{{ 'a'.ljust(2) }}{{ 'a'.rjust(2) }}":                            "*ab**a  a",
		"{{ ' a '.lstrip() }}|{{ 'xax'.rstrip('x') }}":                                             "a |xa",
		"{{ 'a b c'.rsplit(' ', 1) }}{{ 'a,b,c'.split(',', 1) }}{{ 'aXa'.replace('a', 'b', 1) }}":  "['a b', 'c']['a', 'b,c']bXa",
		"{{ {'b': 1, 'a': 2} | dictsort }}{{ {'a': 1} | items }}":                                  "[['a', 2], ['b', 1]][['a', 1]]",
		"{{ true | int }} {{ ['b', 'a'] | min }} {{ 'ab'.title() }} {{ '{}-{x}'.format(1, x=2) }}": "1 a Ab 1-2",
		"{{ users | map(attribute='zz', default=7) | list }}":                                      "[7, 7]",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			tmpl, err := Parse(text, start, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := tmpl.Render(scope())
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

// Positions in want are relative to book.yaml:10:5, where each text begins.
func TestParseErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{{ N":                                 "10:5: this {{ is never closed with }}",
		"ab {{ }}":                             "10:8: there is nothing between these braces",
		"{{ N N }}":                            `10:10: expected an operator or the end, found "N"`,
		"{{ a && b }}":                         `10:10: "&&" is not Jinja; write "and"`,
		"{{ !a }}":                             `10:8: "!" is not Jinja; write "not"`,
		"{{ $a }}":                             `10:8: "$" is not Jinja; a variable is written without the dollar sign`,
		"{{ a ? b }}":                          `10:10: "?" is not Jinja; write "a if condition else b"`,
		"{{ a @ b }}":                          `10:10: '@' does not belong in an expression`,
		"one\ntwo {{ a | }}":                   "11:16: expected the name of a filter, found the end",
		"é{{ a | uper }}":                      `10:13: there is no filter "uper"; did you mean "upper"?`,
		"{{ a is defned }}":                    `10:13: there is no test "defned"; did you mean "defined"?`,
		"{{ 'abc }}":                           "10:8: this string is never closed with '",
		"{{ (1 }}":                             `10:11: expected ")" to close what was opened, not "}"`,
		"{{ 1) }}":                             `10:9: nothing opened this ")"`,
		"{{ [1, 2 }}":                          `10:14: expected "]" to close what was opened, not "}"`,
		"{{ 3x }}":                             `10:8: "3x" is not a number; a name cannot begin with a digit`,
		"{{ 99999999999999999999 }}":           "10:8: 99999999999999999999 is not a whole number of 64 bits",
		"{% if a %}x":                          "10:8: this {% if %} is never closed with {% endif %}",
		"{% endif %}":                          "10:8: nothing opened this endif",
		"{% for x in y %}{% endif %}":          "10:24: expected {% endfor %}, found {% endif %}",
		"{% fro x in y %}":                     `10:8: there is no statement "fro"; did you mean "for"?`,
		"{% include 'x' %}":                    "10:8: a playbook has no {% include %}; statements are if, for, set, macro, raw",
		"{% import 'x' as y %}":                "10:8: a playbook has no {% import %}; statements are if, for, set, macro, raw",
		"{% extends 'x' %}":                    "10:8: a playbook has no {% extends %}; statements are if, for, set, macro, raw",
		"{# never":                             `10:5: this comment is never closed with #}; for a {# that is text write {{ "{#" }}`,
		"{% raw %}{{":                          "10:8: this {% raw %} is never closed with {% endraw %}",
		"{{ a = 1 }}":                          `10:10: expected an operator or the end, found "="; == compares`,
		"{{ f(a=1, 2) }}":                      "10:15: an argument without a name cannot follow one with a name",
		"{{ a[] }}":                            "10:10: expected an index or a key between the brackets",
		"{{ in }}":                             `10:8: expected a value, found the word "in"`,
		"{% set if = 1 %}":                     `10:12: "if" cannot name a variable`,
		"{{ " + strings.Repeat("(", 200) + "1": "10:108: ",
		"{{ " + strings.Repeat("not ", 200) + "1 }}": "10:4",
		"{{ " + strings.Repeat("-", 200) + "1 }}":    "10:10",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(text, start, nil)
			wantError(t, err, want)
		})
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	var e *source.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *source.Error with %s", err, want)
	}
	if got := strings.TrimPrefix(e.Error(), "book.yaml:"); got != want && (len(want) > 40 || !strings.HasPrefix(got, want)) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRenderErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{{ n }}":                                   `10:8: the variable n is not defined; did you mean "N"?`,
		"{{ [1, undef] }}":                          `10:12: the variable undef is not defined`,
		"{{ search.winer.stdout }}":                 `10:15: search has no "winer"; did you mean "winner"?`,
		"{{ search.winner.zzz }}":                   `10:22: search.winner has no "zzz"; it has stdout`,
		"{{ search['winer'] }}":                     `10:14: search has no "winer"; did you mean "winner"?`,
		"{{ nothing.x }}":                           `10:16: nothing is None, which has no "x"`,
		"{{ hosts[7].name }}":                       "10:13: hosts has no item 7: it has 2",
		"{{ hosts['a'] }}":                          "10:13: the index of a list must be an integer, not a string",
		"{{ stdout > 4 }}":                          "10:15: cannot compare a string with an integer; | int makes a number of a string",
		"{{ stdout + 4 }}":                          "10:15: a string + an integer does not work; ~ joins as text, | int makes a number of a string",
		"{{ 1 / 0 }}":                               "10:10: division by zero",
		"{{ 1 % 0 }}":                               "10:10: division by zero",
		"{{ 9223372036854775807 + 1 }}":             "10:28: the result does not fit into 64 bits",
		"{{ 'x' * 999999999 }}":                     "10:12: the text would be too long",
		"{{ 1 in 2 }}":                              "10:10: an integer cannot be in an integer",
		"{% for x in 3 %}{% endfor %}":              "10:17: the value is an integer: there is nothing to go through",
		"{% for a, b in [1] %}{% endfor %}":         "10:8: each item must be a list of 2; a mapping has .items()",
		"{% for i in range(2000000) %}{% endfor %}": "10:22: the range has more than 1000000 items",
		"{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}": "10:3",
		"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}":                              "10:24: the macro m calls itself too often",
		"{{ 'x' | from_json }}":        "10:14: from_json: this is not JSON: invalid character 'x' looking for beginning of value",
		"{{ 5 | length }}":             "10:12: length: an integer has no length",
		"{{ '%d' | format('x') }}":     "10:15: format: %d wants a number, not a string",
		"{{ '%d' | format }}":          "10:15: format: nothing is left for %d",
		"{{ 'a' | center(99999999) }}": "10:14: center: the number 99999999 is too large",
		"{{ host.nope() }}":            `10:13: a mapping has no method "nope"`,
		"{{ 'a'.uper() }}":             `10:12: a string has no method "uper"; did you mean "upper"?`,
		"{{ N() }}":                    "10:9: N is an integer and cannot be called",
		"{{ range }}":                  "10:8: range is a function: write range(…)",
		"{{ 'a' is search('(') }}":     "10:15: search: error parsing regexp",
		"a\n  {{ zz }}":                "11:10: the variable zz is not defined",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			tmpl, err := Parse(text, start, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = tmpl.Render(scope())
			wantError(t, err, want)
		})
	}
}

func TestCondition(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"D > 4 and index == 3": true, "D > 4 and index == 0": false, "rc not in [0, 1]": false,
		"true": true, "False": false, "empty": false, "nothing": false, "hosts": true, "0": false, "0.0": false,
		"search.winner is defined": true, "search.loser is defined": false, "not (D > 4)": false,
		"stdout is match('nonce \\\\d+')": true, "'}}' == '}}'": true, "  D == 5\n  and N == 8\n": true,
		"yes if D > 4 else no": true, "D == 5.0": true, "D is even": false, "'{{' not in name": true,
		"{'a': 1}.a == 1": true, "not not yes": true,
		"'no' == 'no'": true, "0 or 'nobody'": true, "false and 'no'": false, "true or 'no'": true, "not ''": true,
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			c, err := ParseCondition(text, start, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := c.Eval(scope()); err != nil || got != want {
				t.Errorf("got %v, %v; want %v", got, err, want)
			}
		})
	}
	for text, want := range map[string]string{
		"{{ D > 4 }}":        "10:5: no braces in a condition; conditions are bare expressions: write D > 4",
		"{{ a }} == {{ b }}": "10:5: no braces in a condition; conditions are bare expressions: write D > 4",
		"D == {{ N }}":       "10:10: no braces in a condition; conditions are bare expressions: write D > 4",
		"  ":                 "10:5: the condition is empty; write an expression such as D > 4",
		"D = 4":              `10:7: expected an operator or the end, found "="; == compares`,
		"D >":                "10:8: expected a value, found the end",
		"D > (4":             `10:11: expected ")", found the end`,
	} {
		_, err := ParseCondition(text, start, nil)
		wantError(t, err, want)
	}
	for text, place := range map[string]string{"'no'": "10:5", "not 'False'": "10:9", "true and 'off'": "10:14", "false or name and 'YES'": "10:23", "(('n'))": "10:7"} {
		c, err := ParseCondition(text, start, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Eval(scope()); err == nil || !strings.Contains(err.Error(), place+": this is the text ") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestValue(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		"{{ N }}": 8, "{{ yes }}": true, "{{ price }}": 0.5, "{{ nothing }}": nil, " {{ N }}": " 8",
		"{{ words }}": []any{"x", "y"}, "{{ host }}": map[string]any{"name": "h1", "address": "10.0.0.1"},
		"{{ N }}{{ N }}": "88", "8": "8", "{{ n64 }}": 7, "{{ {'a': [1]} }}": map[string]any{"a": []any{1}},
	} {
		tmpl, err := Parse(text, start, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tmpl.Value(scope()); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, %v; want %#v", text, got, err, want)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{{ search.winner.stdout }}":   "search.winner.stdout@10:8",
		"{{ search['winner'][0].x }}":  "search.winner.0.x@10:8",
		"{{ hosts[index].name }}":      "index@10:14 hosts@10:8",
		"{{ a.split(',')[0] }}":        "a@10:8",
		"{{ f(x, k=y) | default(z) }}": "f@10:8 x@10:10 y@10:15 z@10:28",
		"{% for h in hosts %}{{ h.name }}{{ loop.index }}{{ q }}{% endfor %}{{ h }}": "hosts@10:17 q@10:56 h@10:75",
		"{% set x = y %}{{ x }}":                                      "y@10:16",
		"{{ x }}{% set x = 1 %}":                                      "x@10:8",
		"{% if a %}{% set x = 1 %}{% endif %}{{ x }}":                 "a@10:11",
		"{% macro m(p, q=r) %}{{ p }}{{ s }}{% endmacro %}{{ m(t) }}": "r@10:21 s@10:36 t@10:59",
		"{{ range(n) }}{{ dict() }}":                                  "n@10:14",
		"{{ a is defined }}":                                          "a?@10:8",
		"{{ a.b | default(c) }}":                                      "a.b?@10:8 c@10:22",
		"{{ a if a is defined else b }}":                              "a@10:8 b@10:31",
		"{{ x }}{{ x }}":                                              "x@10:8",
		"{{ (a | upper).b }}":                                         "a@10:9",
		"{{ true and none }}":                                         "",
		"{% raw %}{{ x }}{% endraw %}":                                "",
		"{{ {'k': v}[w] }} {{ a[b:c] }} {{ -d }} {{ e is in f }}":     "w@10:17 v@10:14 a@10:26 b@10:28 c@10:30 d@10:40 e@10:48 f@10:56",
	} {
		tmpl, err := Parse(text, start, nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := show(tmpl.Names()); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", text, got, want)
		}
	}
}

func show(names []Name) string {
	var out []string
	for _, n := range names {
		s := n.String()
		if n.Optional {
			s += "?"
		}
		out = append(out, fmt.Sprintf("%s@%d:%d", s, n.Pos.Line, n.Pos.Col))
	}
	return strings.Join(out, " ")
}

func env(t *testing.T, vars map[string]string) *Env {
	t.Helper()
	e := &Env{Vars: map[string]*Template{}}
	for name, text := range vars {
		tmpl, err := Parse(text, source.Pos{File: "vars.yaml", Line: 1, Col: 1}, e)
		if err != nil {
			t.Fatal(err)
		}
		e.Vars[name] = tmpl
	}
	return e
}

func TestEnv(t *testing.T) {
	t.Parallel()
	e := env(t, map[string]string{"double": "{{ N * 2 }}", "label": "run-{{ double }}", "here": "{{ index }}"})
	if err := e.Check(); err != nil {
		t.Fatal(err)
	}
	tmpl, err := Parse("{{ label }} {{ double + 1 }} {{ here }}{% for index in [9] %}{{ here }}{% endfor %}", start, e)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := tmpl.Render(scope()); err != nil || got != "run-16 17 33" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, want := show(tmpl.AllNames()), "label@10:8 double@10:20 here@10:37 double@1:8 N@1:4 index@1:4"; got != want &&
		got != "label@10:8 double@10:20 here@10:37 N@1:4 index@1:4" {
		t.Errorf("got %s, want %s", got, want)
	}
	hidden := scope()
	hidden["double"] = 1
	if got, err := tmpl.Render(hidden); err != nil || got != "run-1 2 33" {
		t.Errorf("a name in the scope should hide the variable: got %q, %v", got, err)
	}
	delete(hidden, "index")
	_, err = tmpl.Render(hidden)
	if err == nil || err.Error() != "vars.yaml:1:4: the variable index is not defined" {
		t.Errorf("got %v", err)
	}
}

func TestEnvCycle(t *testing.T) {
	t.Parallel()
	e := env(t, map[string]string{"a": "{{ b }}", "b": "x{{ c }}", "c": "{{ a }}", "ok": "{{ N }}", "me": "{{ me }}"})
	err := e.Check()
	want := "vars.yaml:1:4: the variable a is defined by itself: a -> b -> c -> a\nvars.yaml:1:4: the variable me is defined by itself: me -> me"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	tmpl, _ := Parse("{{ b }}", start, e)
	if _, err := tmpl.Render(nil); err == nil || !strings.Contains(err.Error(), "b -> c -> a -> b") {
		t.Errorf("got %v", err)
	}
	if n := len(tmpl.AllNames()); n != 3 {
		t.Errorf("got %d names, want 3", n)
	}
}

func TestCompose(t *testing.T) {
	t.Parallel()
	leaf, _ := Parse("{{ N }}", start, nil)
	tmpl := Compose(map[string]any{"args": []any{"-n", leaf}, "k": 1}, start, nil)
	got, err := tmpl.Value(scope())
	if want := map[string]any{"args": []any{"-n", 8}, "k": 1}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, %v", got, err)
	}
	if show(tmpl.Names()) != "N@10:8" || tmpl.IsConst() {
		t.Errorf("names %v", tmpl.Names())
	}
}

func TestIsConst(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"": true, "a } {": true, "{{ 1 }}": false, "{% raw %}x{% endraw %}": false, "a {# b #}": true} {
		tmpl, err := Parse(text, start, nil)
		if err != nil || tmpl.IsConst() != want {
			t.Errorf("%q: IsConst is not %v (%v)", text, want, err)
		}
	}
}

func TestConcurrent(t *testing.T) {
	t.Parallel()
	e := env(t, map[string]string{"label": "{{ words | map('upper') | join }}{{ users | sort(attribute='n') | length }}"})
	tmpl, err := Parse("{{ label }}{% for h in hosts %}{{ h.name.upper() }}{% endfor %}{{ stdout is match('n') }}", start, e)
	if err != nil {
		t.Fatal(err)
	}
	shared := scope()
	before, _ := json.Marshal(shared)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 50 {
				if got, err := tmpl.Render(shared); err != nil || got != "XY2H0H1True" {
					t.Errorf("got %q, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
	if after, _ := json.Marshal(shared); string(after) != string(before) {
		t.Errorf("rendering changed the scope")
	}
}
