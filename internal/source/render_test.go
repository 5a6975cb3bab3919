package source

import (
	"bytes"
	"strings"
	"testing"
)

func TestSuggest(t *testing.T) {
	t.Parallel()
	known := []string{
		"name", "when", "register", "timeout", "ignore_errors", "failed_when", "environment",
		"run", "run-parallel", "put", "N", "host_key_checking", "nn",
	}
	for word, want := range map[string]string{
		"n": "N", "nmae": "name", "whn": "when", "When": "when", "run_parallel": "run-parallel", "runparallel": "run-parallel",
		"ignore-errors": "ignore_errors", "env": "environment", "regsiter": "register", "time_out": "timeout", "fialed_when": "failed_when",
		"x": "", "loop": "", "tags": "", "": "", "name": "", "become": "", "rum": "run", strings.Repeat("n", 1000): "",
	} {
		got := Suggest(word, known)
		if want != "" {
			want = `did you mean "` + want + `"?`
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", word, got, want)
		}
	}
	if got := Suggest("anything", nil); got != "" {
		t.Error(got)
	}
}

func TestSnippet(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("abcdefghi ", 30)
	for _, c := range []struct {
		name, src string
		line, col int
		want      string
	}{
		{"plain", "a: 1\nb: {{ N }}\n", 2, 4, "   2 | b: {{ N }}\n     |    ^\n"},
		{"first", "a", 1, 1, "   1 | a\n     | ^\n"},
		{"tab", "\ta: b", 1, 2, "   1 |     a: b\n     |     ^\n"},
		{"crlf", "a\r\nbc\r\n", 2, 2, "   2 | bc\n     |  ^\n"},
		{"behind the end", "ab", 1, 3, "   1 | ab\n     |   ^\n"},
		{"wide", "日本: x", 1, 3, "   1 | 日本: x\n     |     ^\n"},
		{"combining", "e\u0301: x", 1, 3, "   1 | e\u0301: x\n     |  ^\n"},
		{"control", "a\x1b[1m\x00b", 1, 7, "   1 | a␛[1m␀b\n     |       ^\n"},
		{"bidi", "a\u202eb", 1, 3, "   1 | a<U+202E>b\n     |          ^\n"},
		{"not UTF-8", "a\xffb", 1, 3, "   1 | a\ufffdb\n     |   ^\n"},
		{"byte order mark", "\ufeffab", 1, 2, "   1 | ab\n     |  ^\n"},
		{"no column", "ab", 1, 0, "   1 | ab\n"},
		{"no line", "ab", 0, 0, ""},
		{"beyond", "ab", 7, 1, ""},
		{"long at its beginning", long, 1, 2, "   1 | " + long[:99] + "…\n     |  ^\n"},
		{"long in the middle", long, 1, 151, "   1 | …" + long[91:189] + "…\n     | " + strings.Repeat(" ", 60) + "^\n"},
	} {
		if got := Snippet([]byte(c.src), Pos{Line: c.line, Col: c.col}); got != c.want {
			t.Errorf("%s: got\n%swant\n%s", c.name, got, c.want)
		}
	}
}

func TestRender(t *testing.T) {
	t.Parallel()
	errs := Errors{
		{Pos: Pos{"b.yaml", 2, 3}, Msg: `unknown key "coutn"`, Hint: `did you mean "count"?`},
		{Pos: Pos{File: "-e n"}, Msg: "no variable \x1b n"},
	}
	sources := map[string][]byte{"b.yaml": []byte("p:\n  coutn: 3\n")}
	for _, c := range []struct {
		snippet, colour bool
		want            string
	}{
		{false, false, "b.yaml:2:3: unknown key \"coutn\"\n  did you mean \"count\"?\n-e n: no variable ␛ n\n"},
		{true, false, "b.yaml:2:3: unknown key \"coutn\"\n   2 |   coutn: 3\n     |   ^\n  did you mean \"count\"?\n\n-e n: no variable ␛ n\n"},
		{true, true, bold + "b.yaml:2:3:" + off + " unknown key \"coutn\"\n   2 |   coutn: 3\n     |   " + red + "^" + off + "\n  " + cyan + "did you mean \"count\"?" + off + "\n\n" + bold + "-e n:" + off + " no variable ␛ n\n"},
	} {
		var b bytes.Buffer
		if err := Render(&b, errs, sources, c.snippet, c.colour); err != nil || b.String() != c.want {
			t.Errorf("got\n%swant\n%s", b.String(), c.want)
		}
	}
}
