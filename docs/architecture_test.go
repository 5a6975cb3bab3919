package docs_test

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/gofab/gofab"

var row = regexp.MustCompile("(?m)^\\| `([\\w./]+)` \\|[^|]*\\|[^|]*\\|$")

// The table of arrows in docs/architecture.md is what the packages import, no more and no less.
func TestArrows(t *testing.T) {
	t.Parallel()
	documented := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(read(t, "docs/architecture.md"), -1) {
		documented[m[1]] = m[0]
	}
	for line := range strings.Lines(goList(t, "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "./...")) {
		imports := strings.Fields(line)
		name := shorten(imports[0])
		if name == "docs" || name == "bench" { // tests only
			continue
		}
		if want := arrows(name, imports[1:]); documented[name] != want {
			t.Errorf("docs/architecture.md says of %s:\n%s\nand its imports say:\n%s", name, documented[name], want)
		}
		delete(documented, name)
	}
	for name := range documented {
		t.Errorf("docs/architecture.md has a row for %s, which is no package", name)
	}
}

// arrows is the row of a package.
func arrows(name string, imports []string) string {
	var ours, theirs []string
	for _, path := range imports {
		switch {
		case strings.HasPrefix(path, module):
			ours = append(ours, shorten(path))
		case strings.Contains(path, "."):
			theirs = append(theirs, moduleOf(path))
		}
	}
	return fmt.Sprintf("| `%s` | %s | %s |", name, list(ours), list(theirs))
}

func list(names []string) string {
	slices.Sort(names)
	var quoted []string
	for _, name := range slices.Compact(names) {
		quoted = append(quoted, "`"+name+"`")
	}
	return strings.Join(quoted, ", ")
}

// What must hold through any number of packages.
func TestWalls(t *testing.T) {
	t.Parallel()
	outside := []string{"gopkg.in/yaml", "github.com/melbahja/goph", "github.com/pkg/sftp", "golang.org/x/crypto", "golang.org/x/term", "github.com/aws", "github.com/nikolalohinski", "github.com/spf13"}
	for _, wall := range []struct {
		from []string
		no   []string
	}{
		// The engine knows no YAML, no SSH library, no cloud SDK and no terminal.
		{[]string{"./runner"}, append([]string{module + "/tasks", module + "/internal/ui", module + "/internal/remote", module + "/internal/cli"}, outside...)},
		// So do the contract with clouds, the journal and positions.
		{[]string{"./internal/cloud", "./internal/journal", "./internal/source"}, append([]string{module + "/runner"}, outside...)},
		// Reading a playbook has nothing to do with running it.
		{[]string{"./internal/playbook", "./internal/expr"}, []string{module + "/runner", module + "/internal/cloud", "github.com/melbahja/goph", "golang.org/x/crypto", "golang.org/x/term", "github.com/spf13"}},
		// Views read events.
		{[]string{"./internal/ui"}, []string{module + "/tasks", module + "/internal/playbook", module + "/internal/remote", "github.com/melbahja/goph", "gopkg.in/yaml"}},
		// Providers know nothing of a run.
		{[]string{"./internal/cloud/local", "./internal/cloud/static"}, []string{module + "/runner", module + "/tasks", module + "/internal/playbook", "gopkg.in/yaml"}},
		// The miner is copied to machines: only the standard library goes with it.
		{[]string{"./miner", "./cmd/miner"}, append([]string{module + "/internal", module + "/runner", "github.com/", "gopkg.in/"}, outside...)},
	} {
		for _, dep := range strings.Fields(goList(t, append([]string{"-deps"}, wall.from...)...)) {
			for _, no := range wall.no {
				if strings.HasPrefix(dep, module) && !strings.HasPrefix(no, module) {
					continue // github.com/ is not about ourselves
				}
				if strings.HasPrefix(dep, no) {
					t.Errorf("%v depends on %s", wall.from, dep)
				}
			}
		}
	}
}

func goList(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return string(out)
}

func shorten(path string) string {
	if path == module {
		return "main"
	}
	return strings.TrimPrefix(path, module+"/")
}

// moduleOf is the module of a package, as far as a table of modules needs it.
func moduleOf(path string) string {
	parts := strings.Split(path, "/")
	n := 3
	if strings.HasPrefix(path, "gopkg.in/") {
		n = 2
	}
	return strings.Join(parts[:min(n, len(parts))], "/")
}
