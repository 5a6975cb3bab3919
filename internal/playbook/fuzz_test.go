package playbook

import (
	"bytes"
	"testing"

	"github.com/gofab/gofab/internal/source"
)

// FuzzLoad checks that no file makes the loader panic or hang, and that every mistake it
// reports stands inside of the file.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		declared, bomb(), "steps:\n- run: |\n    a {{ b }}\n", "a: {{ b }}\n", "a: &x [*x]\n", "\ufeffa: 'é\n", "? [a]\n: b\n",
		"steps:\n- run: \"a\\x41\\\n  b {{ c | d }}\"\n", "a: >-\n\n  x\n   y\n", "\t- a\r\n", "!!str a: &b !!int 3\n", "{{}}: {{{a}}}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		b, err := Load("b.yaml", src, kinds)
		inside(t, src, err)
		if b == nil {
			return
		}
		_, lazy, err := b.Resolve(nil, builtins)
		inside(t, src, err)
		for _, s := range b.Steps {
			_, err := s.Arg.Template(lazy)
			inside(t, src, err)
			_, err = s.When.Condition(lazy)
			inside(t, src, err)
			_, _ = s.Arg.Any()
		}
	})
}

func inside(t *testing.T, src []byte, err error) {
	t.Helper()
	lines := newFile("", bytes.TrimPrefix(src, []byte(byteOrder)))
	for _, e := range source.All(err, source.Pos{}) {
		if e.Pos.Line == 0 {
			continue
		}
		if e.Pos.Line > len(lines.lines) || e.Pos.Col > len([]rune(lines.line(e.Pos.Line)))+2 {
			t.Errorf("%s is outside of %q", e, src)
		}
		_ = source.Snippet(src, e.Pos)
	}
}
