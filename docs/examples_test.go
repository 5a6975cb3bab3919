package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Every ```yaml block of the documentation is run against local machines. Comments in front of
// a block, which no reader sees, say how:
//
//	<!-- fragment -->    a list of steps, or keys of the top: the test adds the rest of a playbook
//	<!-- check -->       it needs hosts of yours: only --syntax-check
//	<!-- exit 2 -->      the exit status, where it is not 0
//	<!-- args -e N=3 --> more arguments
//	<!-- data -->        no playbook
//	<!-- file a/b -->    in front of any block: a file of this content is there for the page's examples
//
// Where a line that ends with "prints:" and a ```text block follow, that is the standard output,
// whatever the order of its lines; "reports:" is about lines of the standard error. In both, …
// stands for any text.
func TestExamples(t *testing.T) {
	t.Parallel()
	for _, p := range pages(t) {
		for _, ex := range examples(t, p) {
			t.Run(fmt.Sprintf("%s:%d", p.name, ex.line), func(t *testing.T) {
				t.Parallel()
				ex.test(t)
			})
		}
	}
}

type example struct {
	block
	files   []block
	prints  *string
	reports *string
}

// block is a fenced block with the directives in front of it.
type block struct {
	line int
	lang string
	text string
	says map[string]string // directives
	lead string            // the last line of text before it
}

var (
	fence     = regexp.MustCompile("^```(\\S*)$")
	directive = regexp.MustCompile(`<!-- (\w+)(?: ([^>]*?))? -->`)
)

func blocks(t *testing.T, p page) []block {
	t.Helper()
	var all []block
	var now *block
	lead, says := "", map[string]string{}
	for i, line := range strings.Split(p.text, "\n") {
		switch m := fence.FindStringSubmatch(line); {
		case now != nil && line == "```":
			all = append(all, *now)
			now, lead, says = nil, "", map[string]string{}
		case now != nil:
			now.text += line + "\n"
		case m != nil:
			now = &block{line: i + 1, lang: m[1], says: says, lead: lead}
		case strings.HasPrefix(line, "<!-- "):
			for _, d := range directive.FindAllStringSubmatch(line, -1) {
				says[d[1]] = d[2]
			}
		case strings.TrimSpace(line) != "":
			lead, says = strings.TrimSpace(line), map[string]string{}
		}
	}
	if now != nil {
		t.Errorf("%s:%d: a block that does not end", p.name, now.line)
	}
	return all
}

func examples(t *testing.T, p page) []example {
	t.Helper()
	var files []block
	var all []example
	for _, b := range blocks(t, p) {
		_, data := b.says["data"]
		_, file := b.says["file"]
		lead := strings.ToLower(b.lead)
		switch {
		case file:
			files = append(files, b)
		case b.lang == "yaml" && !data:
			all = append(all, example{block: b})
		case b.lang == "text" && strings.HasSuffix(lead, "prints:"):
			all[len(all)-1].prints = &b.text
		case b.lang == "text" && strings.HasSuffix(lead, "reports:"):
			all[len(all)-1].reports = &b.text
		}
	}
	for i := range all {
		all[i].files = files
	}
	return all
}

func (ex example) test(t *testing.T) {
	h := newHome(t)
	for _, f := range ex.files {
		name := filepath.Join(h.dir, f.says["file"])
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(f.text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(h.dir, "play.yaml"), []byte(ex.playbook()), 0o644); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"play", "play.yaml"}, strings.Fields(ex.says["args"])...)
	if _, ok := ex.says["check"]; ok {
		args = append(args, "--syntax-check")
	}
	want, _ := strconv.Atoi(ex.says["exit"])
	stdout, stderr, code := h.run(t, args...)
	if code != want {
		t.Errorf("exit status %d, not %d", code, want)
	}
	if ex.prints != nil && !same(*ex.prints, stdout) {
		t.Errorf("it prints\n%s\nand not\n%s", stdout, *ex.prints)
	}
	if ex.reports != nil {
		for line := range strings.Lines(*ex.reports) {
			if !slices.ContainsFunc(strings.Split(stderr, "\n"), func(s string) bool { return matches(line, s) }) {
				t.Errorf("it does not report\n%s", line)
			}
		}
	}
	if t.Failed() {
		t.Logf("%s\nstdout:\n%s\nstderr:\n%s", ex.playbook(), stdout, stderr)
	}
	if left, _, _ := h.run(t, "ls", "--json"); strings.TrimSpace(left) != "[]" {
		t.Errorf("it leaves\n%s", left)
	}
}

// playbook is the example with what a fragment leaves out.
func (ex example) playbook() string {
	if _, fragment := ex.says["fragment"]; !fragment {
		return ex.text
	}
	if !strings.HasPrefix(ex.text, "-") {
		return ex.text + "\nsteps:\n  - print: the rest\n"
	}
	text := "steps:\n"
	if !strings.Contains(ex.text, "- provision:") {
		text += "  - provision: 2\n"
	}
	for line := range strings.Lines(ex.text) {
		text += "  " + line
	}
	return text
}

// same compares texts by line, in any order.
func same(pattern, text string) bool {
	p := slices.Sorted(strings.Lines(pattern))
	lines := slices.Sorted(strings.Lines(text))
	if len(p) != len(lines) {
		return false
	}
	for _, want := range p {
		i := slices.IndexFunc(lines, func(s string) bool { return matches(want, s) })
		if i < 0 {
			return false
		}
		lines = slices.Delete(lines, i, i+1)
	}
	return true
}

func matches(pattern, line string) bool {
	pattern = strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(pattern)), "…", ".*")
	return regexp.MustCompile("^" + pattern + "$").MatchString(strings.TrimSpace(line))
}
