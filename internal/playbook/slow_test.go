package playbook

import (
	"fmt"
	"strings"
	"testing"
)

// What takes time in proportion to more than the size shows as a test that never ends.
func TestLargeFiles(t *testing.T) {
	t.Parallel()
	const size = maxFile / 16
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	numbered := func(format string) string {
		var b strings.Builder
		for i := 0; b.Len() < size; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for _, text := range []string{
		fill("#\n"),
		fill("- \n"),
		fill("["),
		fill("{{"),
		numbered("k%d: 1\n"),
		"{" + numbered("é%d: 1, ") + "}",
		"vars: {" + numbered("é%d: '{{ a }}', "),
		fill("a: 1\n"),
		"steps:\n" + fill("- a: 1\n"),
		"a: '" + fill("x\n "),
		fill("\t"),
		"steps:\n- run: |\n" + fill("    {{ x }}\n"),
		"steps:\n- run: '" + fill("{{ é }}") + "'",
		fill("a: "),
		numbered("- &a%d x\n"),
		fill("---\n"),
		fill("? "),
		fill("! "),
		"steps:\n" + fill("- a # b\n# c\n"),
	} {
		b, _ := Load("b.yaml", []byte(text), kinds)
		if b != nil {
			_, _, _ = b.Resolve(nil, builtins)
			for _, s := range b.Steps {
				_, _ = s.Arg.Template(nil)
			}
		}
	}
}
