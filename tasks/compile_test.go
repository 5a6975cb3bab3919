package tasks_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/cloud/local"
	"github.com/gofab/gofab/internal/playbook"
	"github.com/gofab/gofab/internal/source"
	"github.com/gofab/gofab/runner"
	"github.com/gofab/gofab/tasks"
)

// compile compiles a playbook for local machines; extra are -e arguments.
func compile(t *testing.T, book string, extra ...string) (*runner.Play, error) {
	t.Helper()
	var errs source.List
	b, err := playbook.Load("b.yaml", []byte(book), tasks.Kinds())
	errs.AddAll(err)
	vars, err := playbook.ParseExtra(extra, nil)
	errs.AddAll(err)
	if b == nil {
		return nil, errs.Err()
	}
	play := tasks.Open(b, vars, &errs).Compile(tasks.Options{Provider: local.New(t.TempDir())})
	return play, errs.Err()
}

func step(t *testing.T, book string) *runner.Step {
	t.Helper()
	play, err := compile(t, "steps:\n  - provision: 2\n  - run: x\n    register: r\n  - "+strings.ReplaceAll(book, "\n", "\n    "))
	if err != nil {
		t.Fatalf("%s: %v", book, err)
	}
	return play.Steps[2]
}

// What a value stands for does not depend on how it is written.
func TestDurations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"5": 5 * time.Second, "0.5": 500 * time.Millisecond, `"5"`: 5 * time.Second, "5s": 5 * time.Second, "1h30m": 90 * time.Minute,
		`"{{ T }}"`: 7 * time.Second, `"{{ T * 2 }}s"`: 14 * time.Second, "0": 0,
	} {
		play, err := compile(t, "vars: {T: 7}\ndeadline: "+text+"\nsteps: [print: x]\n")
		if err != nil || play.Deadline != want {
			t.Errorf("%s: %v, %v", text, play.Deadline, err)
		}
	}
	for _, text := range []string{"-1", "soon", "5 s", `"{{ T }} seconds"`, "true", "1e99", ".nan", "[5]", "{s: 5}", `""`} {
		_, err := compile(t, "vars: {T: 7}\ndeadline: "+text+"\nsteps: [print: x]\n")
		if err == nil || !strings.HasPrefix(err.Error(), "b.yaml:2:1") || !strings.Contains(err.Error(), ": deadline is a duration, not ") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestExtraVariablesAreOfTheirOwnType(t *testing.T) {
	t.Parallel()
	for _, extra := range []string{"N=3", "{N: 3}", `{"N": 3}`} {
		if _, err := compile(t, "vars: {N: 8}\nsteps: [provision: '{{ N }}']\n", extra); err != nil {
			t.Errorf("%s: %v", extra, err)
		}
	}
	for _, extra := range []string{`{"N": "3"}`, "N=3.5", "N=", "{N: [3]}", "N=x"} {
		if _, err := compile(t, "vars: {N: 8}\nsteps: [provision: '{{ N }}']\n", extra); err == nil {
			t.Errorf("%s was taken for a number", extra)
		}
	}
}

func TestBooleans(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"true": true, "yes": true, "on": true, `"{{ 1 == 1 }}"`: true, "false": false, "no": false, `"{{ count_me }}"`: false} {
		play, err := compile(t, "vars: {count_me: false}\nsteps:\n  - print: x\n    always: "+text+"\n")
		if err != nil || play.Steps[0].Always != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A step on the controller is done once, or for one host after the other when something in it
// differs from host to host.
func TestOnceOrPerHost(t *testing.T) {
	t.Parallel()
	for book, perHost := range map[string]bool{
		"print: hello": false,
		"print: '{{ count }} {{ hosts[0].name }}'":               false,
		"print: '{{ index }}'":                                   true,
		"print: '{{ host.name }}'":                               true,
		"print: '{{ r.stdout }}'":                                true,
		"print: '{{ r.results | length }}'":                      false,
		"print: '{{ r.winner.stdout }}'":                         false,
		"print: hello\nwhen: index == 0":                         true,
		"print: hello\nwhen: r.rc == 0":                          true,
		"print: hello\nwhen: count == 2":                         false,
		"local: echo":                                            false,
		"local: echo {{ r.rc }}":                                 true,
		"local: echo $I\nenvironment: {I: '{{ index }}'}":        true,
		"upload: {src: compile_test.go, key: '{{ index }}'}":     true,
		"upload: compile_test.go":                                false,
		"print: '{% for index in [1] %}{{ index }}{% endfor %}'": false,
	} {
		s := step(t, book)
		if (s.Host != nil) != perHost || (s.Once != nil) == perHost || perHost && s.Forks != 1 {
			t.Errorf("%s: per host %v", book, s.Host != nil)
		}
	}
}

func TestForks(t *testing.T) {
	t.Parallel()
	for book, want := range map[string]int{"run: x": 1, "run-parallel: x": 0, "run-parallel: {cmd: x, forks: 3}": 3, "put: {src: compile_test.go, forks: 2}": 2} {
		if got := step(t, book).Forks; got != want {
			t.Errorf("%s: %d", book, got)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for book, want := range map[string]string{
		"run: echo hello":                 "run: echo hello",
		"run: |\n  first\n  second":       "run: first …",
		"run: " + strings.Repeat("ä", 80): "run: " + strings.Repeat("ä", 60) + "…",
		"run: {cmd: x}":                   "run: x",
		"run: {cmd: '{{ 1 + 1 }} x'}":     "run: {{ 1 + 1 }} x",
		"run: {cmd: '{{ 1 + 1 }}'}":       "run",
		"run: '{{ 1 + 1 }}'":              "run: {{ 1 + 1 }}",
		"run: x\nname: call {{ 1 + 1 }}":  "call 2",
		"scram:":                          "scram",
	} {
		if got := step(t, book).Name; got != want {
			t.Errorf("%s: %q", book, got)
		}
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	s := step(t, "run: x\nuntil: rc == 0")
	if s.Retries != 3 || s.Delay != 5*time.Second {
		t.Errorf("until alone: %d retries, %v", s.Retries, s.Delay)
	}
	if s := step(t, "run: x\nuntil: rc == 0\nretries: 0"); s.Retries != 0 {
		t.Errorf("retries: 0 are %d", s.Retries)
	}
	if s := step(t, "scram:"); !s.Always {
		t.Error("scram does not always run")
	}
	if s := step(t, "scram:\nalways: false"); s.Always {
		t.Error("always: false on scram means nothing")
	}
	play, err := compile(t, "steps: [print: x]\n")
	if err != nil || play.Name != "b" || play.Deadline != 0 || play.Reserve != 30*time.Second || play.Forks != 0 {
		t.Errorf("%+v, %v", play, err)
	}
}

// Every kind is named in the file of its own, and nowhere twice.
func TestKinds(t *testing.T) {
	t.Parallel()
	if got, want := fmt.Sprint(tasks.Kinds()), "[get local print provision put run run-parallel scram upload]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, kind := range tasks.Kinds() {
		for _, keyword := range playbook.Keywords() {
			if kind == keyword {
				t.Errorf("%s is a keyword", kind)
			}
		}
	}
}
