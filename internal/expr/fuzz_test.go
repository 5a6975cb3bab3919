package expr

import (
	"errors"
	"strings"
	"testing"

	"github.com/gofab/gofab/internal/source"
)

var seeds = []string{
	"{{ a.b[0] | default('x') }}", "{% for i in range(3) %}{{ loop.index }}{% else %}x{% endfor %}", "${#a} {# c #}",
	"{% macro m(a, b=1) %}{{ a ~ b }}{% endmacro %}{{ m(1) }}", "{% raw -%} {{ {%- endraw %}", "{{ '%5d' % 3 }}",
	"{{ (1, [2], {'a': 3})[0] ** -2 // 3 % 4 }}", "{{ a is not match('x') and b not in [1] }}", "{%- set x -%}y{% endset %}{{ x }}",
	"{{ words | map('upper') | join(',') | center(20) | truncate(5) }}", "{{ 'a'.split(',')[::-1] }}", "{{ 1 < 2 < 3 if x }}",
	"é{{ \"\\u00e9\\xff\\d\" }}\n\n {{ nope }}", "{{ '{:>5} {x}'.format(1, x=2) }}", "{{ users | groupby('n') }}", "{{-1-}}",
	"{{ [3,1] | sort(reverse=true) | batch(2, 'x') | list }}", "{{ 9223372036854775807 * 2 - 1 }}", "{{ 0.1 + 1e308 * 10 }}",
	"{{ '%s' | format(host) | wordwrap(3) | indent(4) | title }}", "{{ stdout | regex_replace('(.)', '\\1$1') | urlencode }}",
}

func inside(t *testing.T, text string, err error) {
	t.Helper()
	var e *source.Error
	if err == nil {
		return
	}
	if !errors.As(err, &e) {
		t.Fatalf("%T is not a *source.Error: %v", err, err)
	}
	lines := strings.Split(text, "\n")
	if n := e.Pos.Line - start.Line; n < 0 || n >= len(lines) || e.Pos.Col < start.Col || e.Pos.Col > start.Col+len([]rune(lines[n])) {
		t.Errorf("%s is outside of %q", e, text)
	}
}

// FuzzParse checks that no text makes the parser panic or hang, and that mistakes and names
// stand inside of the text.
func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tmpl, err := Parse(text, start, nil)
		inside(t, text, err)
		if err == nil {
			for _, n := range tmpl.Names() {
				inside(t, text, &source.Error{Pos: n.Pos})
			}
		}
		_, err = ParseCondition(text, start, nil)
		inside(t, text, err)
	})
}

// FuzzRender checks that whatever can be parsed renders, or fails with a place.
func FuzzRender(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tmpl, err := Parse(text, start, nil)
		if err != nil {
			return
		}
		got, err := tmpl.Render(scope())
		inside(t, text, err)
		if err == nil && tmpl.IsConst() && !strings.Contains(text, "{#") && got != text {
			t.Errorf("a constant text changed: %q became %q", text, got)
		}
		_, err = tmpl.Value(scope())
		inside(t, text, err)
	})
}
