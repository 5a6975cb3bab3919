package ui

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gofab/gofab/runner"
)

// eventTypes are the values of runner's constants of type EventType, by its source.
func eventTypes(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../runner/event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == "EventType" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			types = append(types, value)
		}
		return true
	})
	if len(types) < 12 {
		t.Fatalf("found only %v", types)
	}
	return types
}

func eventsPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func fences(page, language string) []string {
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```").FindAllStringSubmatch(page, -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

func TestDocsNameEveryFieldAndType(t *testing.T) {
	t.Parallel()
	page := eventsPage(t)
	for _, typ := range eventTypes(t) {
		if !strings.Contains(page, "`"+typ+"`") {
			t.Errorf("docs/events.md does not mention the type %s", typ)
		}
	}
	for _, of := range []reflect.Type{reflect.TypeFor[runner.Event](), reflect.TypeFor[runner.HostRecap](), reflect.TypeFor[runner.Cost](), reflect.TypeFor[runner.Unpriced](), reflect.TypeFor[HostsFile](), reflect.TypeFor[HostNow]()} {
		for f := range of.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !strings.Contains(page, "`"+name+"`") {
				t.Errorf("docs/events.md does not mention the field %s", name)
			}
		}
	}
}

// The examples are lines as JSONL writes them, and there is one of every type.
func TestDocsExamplesAreReal(t *testing.T) {
	t.Parallel()
	missing := eventTypes(t)
	for l := range strings.Lines(strings.Join(fences(eventsPage(t), "json"), "")) {
		dec := json.NewDecoder(strings.NewReader(l))
		dec.DisallowUnknownFields()
		var ev runner.Event
		if err := dec.Decode(&ev); err != nil {
			t.Fatalf("%v in %s", err, l)
		}
		var got bytes.Buffer
		NewJSONL(writerFunc(got.Write), nil).Handle(ev)
		if got.String() != l {
			t.Errorf("docs/events.md has\n%swhich would be\n%s", l, got.String())
		}
		missing = slices.DeleteFunc(missing, func(typ string) bool { return typ == string(ev.Type) })
	}
	if len(missing) > 0 {
		t.Errorf("no example of %v", missing)
	}
}

// The jq commands run on the page's own examples and find something.
func TestDocsCommandsWork(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("jq"); err != nil {
		t.Fatal("jq is not installed: make deps does it")
	}
	page := eventsPage(t)
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/events.jsonl", []byte(strings.Join(fences(page, "json"), "")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, block := range fences(page, "sh") {
		for l := range strings.Lines(block) {
			if !strings.HasPrefix(l, "jq ") {
				continue
			}
			cmd := exec.Command("sh", "-c", l)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) == 0 {
				t.Errorf("%s%v: %q", l, err, out)
			}
		}
	}
}
