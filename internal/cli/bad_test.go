package cli_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what gofab says of the bad playbooks to testdata/bad/*.want")

// TestBadPlaybooks plays testdata/bad/*.yaml, each with a mistake or several. What gofab says to
// each is kept beside it in a .want file, to be read as its user would. A first line
// "# with: …" has more arguments.
func TestBadPlaybooks(t *testing.T) {
	t.Parallel()
	books, err := filepath.Glob(filepath.Join("testdata", "bad", "*.yaml"))
	if err != nil || len(books) < 40 {
		t.Fatal("where are the bad playbooks?", err)
	}
	for _, book := range books {
		t.Run(strings.TrimSuffix(filepath.Base(book), ".yaml"), func(t *testing.T) {
			t.Parallel()
			got := refused(t, book)
			want := strings.TrimSuffix(book, ".yaml") + ".want"
			if *update {
				if err := os.WriteFile(want, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			expected, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, expected) {
				t.Errorf("gofab says\n%swant\n%s", got, expected)
			}
		})
	}
}

// refused plays a book that is refused before anything has begun, and gives the report.
func refused(t *testing.T, book string) []byte {
	dir := t.TempDir()
	src, err := os.ReadFile(book)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, filepath.Base(book)), src, 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"gofab", "play", filepath.Base(book)}
	if line, _, _ := bytes.Cut(src, []byte("\n")); bytes.HasPrefix(line, []byte("# with: ")) {
		args = append(args, strings.Fields(string(line[len("# with: "):]))...)
	}
	var stdout, stderr bytes.Buffer
	cmd := gofab(t, dir, args[1:]...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != 6 {
		t.Errorf("exit status %d, not 6: %v", code, err)
	}
	if stdout.Len() > 0 {
		t.Errorf("on stdout: %s", &stdout)
	}
	if _, err := os.Stat(filepath.Join(stateOf(dir), "runs")); !os.IsNotExist(err) {
		t.Errorf("a run was begun: %v", err)
	}
	return bytes.ReplaceAll(stderr.Bytes(), []byte(dir), []byte("$DIR"))
}

// gofab is this test binary as a command in a directory that is its home, too.
func gofab(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return gofabAs(exe, dir, args...)
}

func gofabAs(exe, dir string, args ...string) *exec.Cmd {
	cmd := &exec.Cmd{Path: exe, Args: append([]string{"gofab"}, args...), Dir: dir}
	cmd.Env = append(testEnv(dir), "PATH="+os.Getenv("PATH"), "TMPDIR="+dir)
	return cmd
}

func stateOf(home string) string { return filepath.Join(home, ".local", "state", "gofab") }

// endClean proves that nothing of the runs under home is left, and otherwise ends it.
func endClean(t *testing.T, home string) {
	t.Helper()
	for _, what := range leftOf(home) {
		t.Errorf("left behind: %s", what)
	}
	for _, p := range processesOf(home) {
		p.kill()
	}
	if out, err := gofab(t, home, "ls", "--json").Output(); err != nil || string(out) != "[]\n" {
		t.Errorf("gofab ls: %s, %v", out, err)
	}
}
