package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gofab/gofab/internal/expr"
	"github.com/gofab/gofab/internal/playbook"
	"github.com/gofab/gofab/tasks"
)

// Every step kind has a page with a row for each of its fields.
func TestStepPages(t *testing.T) {
	t.Parallel()
	index := read(t, "docs/README.md")
	for _, kind := range tasks.Kinds() {
		name := "docs/steps/" + kind + ".md"
		text := read(t, name)
		if !strings.Contains(index, "(steps/"+kind+".md)") {
			t.Errorf("docs/README.md has no link to %s", name)
		}
		for _, field := range known(t, "- "+kind+": {no_such_field_at_all: 1}") {
			if !strings.Contains(text, "| `"+field+"`") {
				t.Errorf("%s has no row for the field %s", name, field)
			}
		}
	}
}

// The language reference names every key, built-in, filter and test.
func TestLanguageReference(t *testing.T) {
	t.Parallel()
	text := read(t, "docs/playbook.md")
	for what, names := range map[string][]string{
		"keyword":         playbook.Keywords(),
		"step kind":       tasks.Kinds(),
		"built-in name":   tasks.Builtins,
		"filter":          expr.Filters(),
		"test":            expr.Tests(),
		"key of the top":  known(t, "- print: x\nno_such_key_at_all: 1"),
		"field of host":   known(t, "- provision: 1\n  - print: '{{ host.no_such_field_at_all }}'"),
		"field of run":    known(t, "- print: '{{ run.no_such_field_at_all }}'"),
		"registered name": known(t, "- {local: 'true', register: r}\n  - print: '{{ r.no_such_field_at_all }}'"),
	} {
		if len(names) == 0 {
			t.Errorf("no %s is known", what)
		}
		for _, name := range names {
			if !strings.Contains(text, "`"+name+"`") {
				t.Errorf("docs/playbook.md does not mention the %s %s", what, name)
			}
		}
	}
}

var listed = regexp.MustCompile(`(?:the keys here are|it has) (.*)`)

// known are the names that gofab proposes for a mistake in a playbook, in place of a bad one.
func known(t *testing.T, steps string) []string {
	t.Helper()
	h := newHome(t)
	if err := os.WriteFile(filepath.Join(h.dir, "wrong.yaml"), []byte("steps:\n  "+steps+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := h.run(t, "play", "wrong.yaml", "--syntax-check")
	if code != 6 {
		t.Errorf("exit status %d for %s", code, steps)
	}
	m := listed.FindStringSubmatch(stderr)
	if m == nil {
		return nil
	}
	return strings.Split(strings.TrimRight(m[1], ")"), ", ")
}

var (
	helpFlag    = regexp.MustCompile(`(?m)^\s+(?:(-\w), |    )(--[\w-]+)`)
	helpCommand = regexp.MustCompile(`(?m)^  (\w+)  `)
)

// Every verb and flag is in docs/cli.md, and every flag that the documentation shows exists.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	text := read(t, "docs/cli.md")
	top, _, _ := h.run(t, "--help")
	flags := map[string]bool{}
	for _, verb := range append(verbs(top), "") {
		if verb != "" && !strings.Contains(text, "gofab "+verb) {
			t.Errorf("docs/cli.md does not mention gofab %s", verb)
		}
		help, _, _ := h.run(t, strings.Fields(verb+" --help")...)
		for _, m := range helpFlag.FindAllStringSubmatch(help, -1) {
			flags[m[2]] = true
			for _, name := range m[1:] {
				if name != "" && !strings.Contains(text, "`"+name+"`") && !strings.Contains(text, "`"+name+" ") {
					t.Errorf("docs/cli.md does not mention %s of gofab %s", name, verb)
				}
			}
		}
	}
	shown := regexp.MustCompile("gofab (?:play|ls|scram|version)[^\n`]*")
	option := regexp.MustCompile(`\s(--[a-z][\w-]*)`)
	for _, p := range pages(t) {
		for _, line := range shown.FindAllString(p.text, -1) {
			for _, m := range option.FindAllStringSubmatch(line, -1) {
				if !flags[m[1]] {
					t.Errorf("%s shows %s in %q, and there is no such flag", p.name, m[1], line)
				}
			}
		}
	}
}

func verbs(help string) []string {
	_, list, _ := strings.Cut(help, "Available Commands:")
	list, _, _ = strings.Cut(list, "\n\n")
	var all []string
	for _, m := range helpCommand.FindAllStringSubmatch(list, -1) {
		all = append(all, m[1])
	}
	return all
}

// Every exit status of the engine has a row in docs/cli.md.
func TestExitStatuses(t *testing.T) {
	t.Parallel()
	text := read(t, "docs/cli.md")
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "runner", "outcome.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"130", "143"}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(v.Names[0].Name, "Exit") && len(v.Values) == 1 {
			want = append(want, v.Values[0].(*ast.BasicLit).Value)
		}
		return true
	})
	if len(want) < 8 {
		t.Fatalf("only %v found in runner/outcome.go", want)
	}
	for _, code := range want {
		if !regexp.MustCompile(`(?m)^\| ` + code + `\b`).MatchString(text) {
			t.Errorf("docs/cli.md has no row for the exit status %s", code)
		}
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	code    = regexp.MustCompile("(?ms)^```.*?^```$|`[^`\n]*`")
)

// Links within the repository lead somewhere.
func TestLinks(t *testing.T) {
	t.Parallel()
	for _, p := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(p.text, ""), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			name := p.name
			if target != "" {
				name = path.Join(path.Dir(p.name), target)
			}
			info, err := os.Stat(filepath.Join(root, name))
			if err != nil {
				t.Errorf("%s: the link to %s leads nowhere", p.name, m[1])
				continue
			}
			if anchor != "" && (info.IsDir() || !anchors(read(t, name))[anchor]) {
				t.Errorf("%s: %s has no heading #%s", p.name, name, anchor)
			}
		}
	}
}

// anchors are the names that GitHub gives to headings.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	strip := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		slug := strings.ReplaceAll(strip.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")
		for i := 1; all[slug]; i++ {
			slug = fmt.Sprintf("%s-%d", strings.TrimRight(slug, "-0123456789"), i)
		}
		all[slug] = true
	}
	return all
}

// The playbook in the README is the one that comes with gofab.
func TestReadmeShowsSearch(t *testing.T) {
	t.Parallel()
	text := read(t, "playbooks/search.yaml")
	if _, body, ok := strings.Cut(text, "name: search\n"); !ok || !strings.Contains(read(t, "README.md"), "```yaml\nname: search\n"+body+"```") {
		t.Error("README.md does not show playbooks/search.yaml as it is, from its name: on")
	}
}
