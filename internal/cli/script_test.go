package cli_test

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gofab/gofab/internal/cli"
	"github.com/gofab/gofab/internal/cloud/local"
)

// Names of what a test hands down to the gofab that it starts.
const (
	rootEnv  = "GOFAB_TEST_ROOT"  // the repository, for the miner's sources
	cacheEnv = "GOFAB_TEST_CACHE" // where all gofabs of a test run keep the miner, so that it is built once
)

// TestMain makes this binary the gofab of all tests: under -race, gofab and its machines are
// looked at as well.
func TestMain(m *testing.M) {
	if local.IsMachine(os.Args) {
		os.Exit(local.Main(os.Args))
	}
	testscript.Main(suite{m}, map[string]func(){
		"gofab": func() { os.Exit(cli.Main(os.DirFS(os.Getenv(rootEnv)))) },
	})
}

// suite is all tests, with what they share around them.
type suite struct{ *testing.M }

func (s suite) Run() int {
	defer prepare()()
	return s.M.Run()
}

func prepare() (cleanup func()) {
	root, err := filepath.Abs("../..")
	must(err)
	cache, err := os.MkdirTemp("", "gofab-test-cache-")
	must(err)
	must(flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0)))) // most of the time goes by in waiting
	must(os.Setenv(rootEnv, root))
	must(os.Setenv(cacheEnv, cache))
	// HOME is another one in the tests; the go command shall find its caches all the same.
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS"} {
		out, err := exec.Command("go", "env", name).Output()
		must(err)
		must(os.Setenv(name, strings.TrimSpace(string(out))))
	}
	return func() { os.RemoveAll(cache) }
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// TestScript runs testdata/script/*.txtar: the command line, as its users see it. Beside the
// commands of testscript there are
//
//	exits STATUS COMMAND…      the command ends with this status
//	took MIN MAX               the last of these took that long
//	wait-for FILE [REGEXP]     until the file (a pattern) is there and matches; half a minute
//	files N PATTERN            that many files match
//	nothing-left               gofab ls is empty, no process lives, no queue is there
//
// Every script that starts a machine ends with nothing-left.
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: false,
		RequireUniqueNames:  true,
		Setup:               setupScript,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":        exits,
			"took":         took,
			"wait-for":     waitFor,
			"files":        files,
			"nothing-left": nothingLeft,
		},
	})
}

type tookKey struct{}

func setupScript(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, "home")
	for _, v := range testEnv(home) {
		name, value, _ := strings.Cut(v, "=")
		env.Setenv(name, value)
	}
	env.Values[tookKey{}] = new(time.Duration)
	work := env.WorkDir
	env.Defer(func() {
		for _, p := range processesOf(work) { // of a script that has failed
			p.kill()
		}
	})
	return os.Mkdir(home, 0o700)
}

// testEnv is what gofab needs to know to live in a home of its own.
func testEnv(home string) []string {
	env := []string{
		"HOME=" + home,
		"STATE=" + filepath.Join(home, ".local", "state", "gofab"),
		"XDG_CACHE_HOME=" + os.Getenv(cacheEnv),
		"LANG=C.UTF-8",
	}
	for _, name := range []string{rootEnv, "GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS", "GORACE", "GOCOVERDIR"} {
		if v := os.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	began := time.Now()
	err = ts.Exec(args[1], args[2:]...)
	*ts.Value(tookKey{}).(*time.Duration) = time.Since(began)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, not %d", got, want)
	}
}

func took(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: took MIN MAX")
	}
	least, err := time.ParseDuration(args[0])
	ts.Check(err)
	most, err := time.ParseDuration(args[1])
	ts.Check(err)
	if got := *ts.Value(tookKey{}).(*time.Duration); got < least || got > most {
		ts.Fatalf("it took %v", got)
	}
}

func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: wait-for FILE [REGEXP]")
	}
	pattern := regexp.MustCompile("")
	if len(args) == 2 {
		pattern = regexp.MustCompile(args[1])
	}
	for range 600 {
		names, err := filepath.Glob(ts.MkAbs(args[0]))
		ts.Check(err)
		for _, name := range names {
			if data, err := os.ReadFile(name); (err == nil || len(args) == 1) && pattern.Match(data) {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("%s has not come", strings.Join(args, " with "))
}

func files(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: files N PATTERN")
	}
	names, err := filepath.Glob(ts.MkAbs(args[1]))
	ts.Check(err)
	if strconv.Itoa(len(names)) != args[0] {
		ts.Fatalf("%d files match, not %s: %v", len(names), args[0], names)
	}
}

func nothingLeft(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: nothing-left")
	}
	ts.Check(ts.Exec("gofab", "ls", "--json"))
	if rows := strings.TrimSpace(ts.ReadFile("stdout")); rows != "[]" {
		ts.Fatalf("gofab ls: %s", rows)
	}
	if left := leftOf(ts.Getenv("WORK")); len(left) > 0 {
		ts.Fatalf("left behind: %v", left)
	}
}

// TestScriptsEndClean holds the scripts to their own rule.
func TestScriptsEndClean(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil || len(names) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		script, _, _ := strings.Cut(string(data), "\n-- ")
		lines := strings.Split(strings.TrimSpace(script), "\n")
		plays := slices.ContainsFunc(lines, func(l string) bool {
			return strings.Contains(l, "gofab play") && !strings.Contains(l, "--syntax-check") && !strings.Contains(l, "--list-")
		})
		if plays && lines[len(lines)-1] != "nothing-left" {
			t.Errorf("%s does not end with nothing-left", name)
		}
	}
}
