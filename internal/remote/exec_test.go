package remote_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/lab"
	"github.com/gofab/gofab/runner"
)

func TestExitStatus(t *testing.T) {
	t.Parallel()
	h := serve(t)
	c := h.dial(t)
	var work sync.WaitGroup
	next := make(chan int)
	for range 8 {
		work.Go(func() {
			for want := range next {
				got, err := c.Exec(t.Context(), runner.Command{Text: fmt.Sprintf("exit %d", want)}, io.Discard, io.Discard)
				if got != want || err != nil {
					t.Errorf("exit %d: %d, %v", want, got, err)
				}
			}
		})
	}
	for status := range 256 {
		next <- status
	}
	close(next)
	work.Wait()
}

// awkward is text that quoting gets wrong first.
const awkward = "it's \"x\" $HOME `id` \\ \\n %s *\n\t-n ünï ☃ \x01 \xff !! ; & | > < ( { # ~ =$((1+1))\n"

func TestCommands(t *testing.T) {
	t.Parallel()
	onShells(t, func(t *testing.T, h *host, c runner.Conn) {
		for _, test := range []struct{ text, want string }{
			{"echo out; echo err >&2; exit 3", "3|out\n|err\n|<nil>"},
			{"pwd", "0|" + h.Home + "\n||<nil>"},
			{"true", "0|||<nil>"},
			{"false", "1|||<nil>"},
			{"echo  step 1", "0|step 1\n||<nil>"},
			{`printf '%s|' "a  b" 'c$d' "e'f"`, "0|a  b|c$d|e'f|||<nil>"},
			{"echo one\n\n  echo two # comment\necho \\\nthree", "0|one\ntwo\nthree\n||<nil>"},
			{`printf '%s' 'back\slash' "\\" '\'`, `0|back\slash\\||<nil>`},
			{"echo 'größe ☃ 日本'", "0|größe ☃ 日本\n||<nil>"},
			{"-x", "127|"},
			{"", "0|||<nil>"},
			{"echo before; exit 7; echo after", "7|before\n||<nil>"},
			{"if true; then echo yes", "2|"},
			{"echo one\necho )", "2|one\n|"},
			{"no-such-command", "127|"},
			{"cat", "0|||<nil>"}, // standard input is empty
			{"read -r line || echo none", "0|none\n||<nil>"},
			{"kill -9 $$", "137|||<nil>"},
			{"exec sh -c 'exit 9'", "9|||<nil>"},
			{"exec >&-; exec 2>&-; exit 4", "4|||<nil>"},
			{"trap 'echo bye' EXIT; exit 5", "5|bye\n||<nil>"},
			{"set -- a b; echo $# $0", "0|2 sh\n||<nil>"},
			{"cat <<EOF\n$((2+3)) 'here'\nEOF", "0|5 'here'\n||<nil>"},
			// Ctrl-C semantics are for the task to define: it gets the default ones.
			{"sh -c 'kill -INT $$; echo survived'; echo $?", "0|130\n||<nil>"},
			{"(kill -INT $(exec sh -c 'echo $PPID'); echo survived)", "130|||<nil>"},
			{"yes | head -n 1", "0|y\n||<nil>"}, // PIPE, too
			{"for fd in 3 4 5; do [ -e /proc/self/fd/$fd ] && echo $fd; done; :", "0|||<nil>"},
		} {
			got := output(t, c, runner.Command{Text: test.text})
			if got != test.want && (!strings.HasSuffix(test.want, "|") || !strings.HasPrefix(got, test.want)) {
				t.Errorf("%s:\n got %q\nwant %q", test.text, got, test.want)
			}
		}
	})
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	onShells(t, func(t *testing.T, h *host, c runner.Conn) {
		env := map[string]string{"A": awkward, "B_2": "", "C": "'", "D": "\n", "PATH_": strings.Repeat("x'", 5_000)}
		for name, value := range env {
			got := output(t, c, runner.Command{Text: `printf %s "$` + name + `"`, Env: env})
			if want := "0|" + value + "||<nil>"; got != want {
				t.Errorf("%s:\n got %.200q\nwant %.200q", name, got, want)
			}
		}
		if got := output(t, c, runner.Command{Text: "echo alone", Env: env}); got != "0|alone\n||<nil>" {
			t.Errorf("%.200q", got)
		}
		if got := output(t, c, runner.Command{Text: "x", Env: map[string]string{"A": "a\x00b"}}); !strings.Contains(got, "NUL") {
			t.Errorf("NUL: %q", got)
		}
	})
}

// A task sees the mark that the supervisor sweeps by, and none of its file descriptors or variables.
func TestTaskSeesNoSupervisor(t *testing.T) {
	t.Parallel()
	onShells(t, func(t *testing.T, h *host, c runner.Conn) {
		if got := output(t, c, runner.Command{Text: `echo "$mark$grace$limit$session$p$1"`}); got != "0|\n||<nil>" {
			t.Errorf("%q", got)
		}
	})
}

// The supervisor takes nothing that it runs from the host's environment.
func TestStrangeEnvironment(t *testing.T) {
	t.Parallel()
	env := []string{"PATH=" + os.Getenv("PATH")}
	for _, name := range []string{"ending", "p", "pids", "began", "watch", "id", "grace", "mark", "status", "beat", "silent"} {
		env = append(env, name+"=touch ~/"+name)
	}
	h := serveShell(t, shell{"/bin/sh", env})
	c := h.dial(t)
	if got := output(t, c, runner.Command{Text: "sleep 0.5; echo $ending"}); got != "0|touch ~/ending\n||<nil>" {
		t.Error(got)
	}
	k := begin(t, c.Exec, runner.Command{Text: "echo ready; sleep 1000"})
	k.stop(t, soon)
	lab.Gone(t, k.mark, soon)
	if names := list(h.Home); names != "" {
		t.Errorf("there is %s", names)
	}
}

// Bash takes options from the environment, those of errors and patterns too.
func TestShellOptionsInTheEnvironment(t *testing.T) {
	t.Parallel()
	sh := bashAs(t, "sh")
	path := "PATH=" + filepath.Dir(sh) + ":" + os.Getenv("PATH")
	c := serveShell(t, shell{sh, []string{path, "SHELLOPTS=errexit:noglob:nounset"}}).dial(t)
	for _, name := range []string{"obedient", "ignores", "setsid"} {
		begin(t, c.Exec, runner.Command{Text: stubborn[name]}).stop(t, soon)
	}
}

// Until version 2.20, grep took options from the environment.
func TestGrepOptionsInTheEnvironment(t *testing.T) {
	t.Parallel()
	grep, err := exec.LookPath("grep")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	old := "#!/bin/sh\nexec " + grep + " $GREP_OPTIONS \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "grep"), []byte(old), 0o755); err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "GREP_OPTIONS=--color=always"}
	c := serveShell(t, shell{"/bin/sh", env}).dial(t)
	begin(t, c.Exec, runner.Command{Text: stubborn["ignores"]}).stop(t, soon)
}

// A shell that may start no other runs nothing, not even what it could run itself.
func TestRestrictedShell(t *testing.T) {
	t.Parallel()
	sh := bashAs(t, "rbash")
	c := serveShell(t, shell{sh, []string{"PATH=" + os.Getenv("PATH"), "SHELL=" + sh}}).dial(t)
	for _, text := range []string{"true", "echo done", "uname"} {
		if got := output(t, c, runner.Command{Text: text}); strings.HasPrefix(got, "0|") || strings.Contains(got, "done") {
			t.Errorf("%s: %q", text, got)
		}
	}
}

// bashAs gives bash under another name, which it goes by.
func bashAs(t *testing.T, name string) string {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(bash, file); err != nil {
		t.Fatal(err)
	}
	return file
}

// What looks like the beginning of the supervisor's last words is the command's own.
func TestTaskSaysItsMark(t *testing.T) {
	t.Parallel()
	onShells(t, func(t *testing.T, h *host, c runner.Conn) {
		for _, text := range []string{`printf %s "$m" >&2`, `printf '%s 1' "$m" >&2`, `echo "$m 1430" >&2; sleep 0.1; echo more >&2`} {
			var out, errOut bytes.Buffer
			text = `m=${GOFAB_TASK##*.}; echo "$m"; ` + text
			if status, err := c.Exec(t.Context(), runner.Command{Text: text}, &out, &errOut); status != 0 || err != nil {
				t.Errorf("%s: %d, %v", text, status, err)
			}
			mark := strings.TrimSpace(out.String())
			if got := errOut.String(); got != mark && got != mark+" 1" && got != mark+" 1430\nmore\n" {
				t.Errorf("%s: %q", text, got)
			}
		}
	})
}

func TestLongCommand(t *testing.T) {
	t.Parallel()
	onShells(t, func(t *testing.T, h *host, c runner.Conn) {
		long := strings.Repeat("x", 100_000)
		if got := output(t, c, runner.Command{Text: "printf %s '" + long + "' | wc -c | tr -d ' '"}); got != "0|100000\n||<nil>" {
			t.Errorf("%.200q", got)
		}
		got := output(t, c, runner.Command{Text: "echo " + long + long})
		if !strings.Contains(got, "KiB long, and hosts take 120: put it there as a file and run that") {
			t.Errorf("%.200q", got)
		}
	})
}

// What a command leaves in the background lives on after a normal end, and does not hold the step.
func TestBackground(t *testing.T) {
	t.Parallel()
	t.Run("here", func(t *testing.T) {
		t.Parallel()
		background(t, hereExec)
		backgroundHolds(t, hereExec)
	})
	onShells(t, func(t *testing.T, h *host, c runner.Conn) { background(t, c.Exec) })
}

func background(t *testing.T, exec execFunc) {
	t.Helper()
	leavesOne(t, exec, "nohup sleep 1000 >/dev/null 2>&1 & echo done; exit 3")
	leavesOne(t, exec, "setsid sleep 1000 >/dev/null 2>&1 & echo done; exit 3")
	leavesOne(t, exec, "sleep 1000 <&- >&- 2>&- & echo done; exit 3")
}

// backgroundHolds is for servers that tell of the exit status before the end of the output, as
// OpenSSH does.
func backgroundHolds(t *testing.T, exec execFunc) {
	t.Helper()
	leavesOne(t, exec, "sleep 1000 & echo done; exit 3")
	talks(t, exec)
}

// leavesOne runs text, which leaves one process, and ends that.
func leavesOne(t *testing.T, exec execFunc, text string) {
	t.Helper()
	mark := rand.Text()
	var out lines
	began := time.Now()
	status, err := exec(t.Context(), runner.Command{Text: text, Env: map[string]string{"MARK": mark}}, &out, io.Discard)
	if took := time.Since(began); took > soon {
		t.Errorf("%s: held the step for %v", text, took)
	}
	if status != 3 || err != nil || out.text.String() != "done\n" {
		t.Errorf("%s: %d, %v, %q", text, status, err, out.text.String())
	}
	left := lab.Marked(mark)
	for try := 0; len(left) != 1 && try < 100; try++ { // while it starts a program, it has no environment to be seen
		time.Sleep(20 * time.Millisecond)
		left = lab.Marked(mark)
	}
	if len(left) != 1 {
		t.Errorf("%s: %d processes live on", text, len(left))
	}
	for _, pid := range left {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	lab.Gone(t, mark, 5*time.Second)
}

// talks leaves a process that goes on talking. It does not hold the step for ever, and ends of a
// broken pipe.
func talks(t *testing.T, exec execFunc) {
	t.Helper()
	mark := rand.Text()
	var out lines
	cmd := runner.Command{Text: "(while echo x; do sleep 0.1; done) & exit 3", Env: map[string]string{"MARK": mark}}
	status, err := exec(t.Context(), cmd, &out, io.Discard)
	if status != 3 || err != nil || !out.has("x\nx\n") {
		t.Errorf("%d, %v, %q", status, err, out.text.String())
	}
	lab.Gone(t, mark, 10*time.Second)
}

// Eight sessions at 10 MB/s, with lines of 1 MB, bytes that are no UTF-8 and NULs: all arrives, in
// order, and errors apart.
func TestOutputIsComplete(t *testing.T) {
	t.Parallel()
	c := serve(t).dial(t)
	line := make([]byte, 1<<20)
	for i := range line {
		line[i] = byte(i * 7)
	}
	line = bytes.ReplaceAll(line, []byte("\n"), []byte("."))
	line[len(line)-1] = '\n'
	if _, err := c.Put(t.Context(), writeFile(t, line), "line", runner.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	const sessions, repeat = 8, 20
	var work sync.WaitGroup
	for range sessions {
		work.Go(func() {
			out, errOut := &comparer{want: line}, &comparer{want: []byte("error ☃\n")}
			text := fmt.Sprintf("for i in $(seq %d); do cat line; echo 'error ☃' >&2; done", repeat)
			status, err := c.Exec(t.Context(), runner.Command{Text: text}, out, errOut)
			if status != 0 || err != nil {
				t.Errorf("%d, %v", status, err)
			}
			out.check(t, repeat)
			errOut.check(t, repeat)
		})
	}
	work.Wait()
	t.Logf("%.0f MB/s", sessions*repeat/time.Since(began).Seconds())
}

// comparer checks that it is written the same text again and again.
type comparer struct {
	want []byte
	at   int
	bad  bool
}

func (c *comparer) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		want := c.want[c.at%len(c.want):]
		k := min(len(p), len(want))
		c.bad = c.bad || !bytes.Equal(p[:k], want[:k])
		c.at, p = c.at+k, p[k:]
	}
	return n, nil
}

func (c *comparer) check(t *testing.T, repeat int) {
	t.Helper()
	if c.bad || c.at != repeat*len(c.want) {
		t.Errorf("%d bytes of %d, wrong ones: %v", c.at, repeat*len(c.want), c.bad)
	}
}

// When we are slow to take the output, nothing is lost either, and nothing piles up in memory.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	for name, exec := range map[string]execFunc{"host": serve(t).dial(t).Exec, "here": hereExec} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var slow slowWriter
			if status, err := exec(t.Context(), runner.Command{Text: "head -c 200000 /dev/zero; exit 3"}, &slow, io.Discard); status != 3 || err != nil {
				t.Errorf("%d, %v", status, err)
			}
			if slow.n != 200_000 {
				t.Errorf("%d bytes", slow.n)
			}
		})
	}
}

// slowWriter takes longer over its first piece than a command's silence may last.
type slowWriter struct{ n int }

func (w *slowWriter) Write(p []byte) (int, error) {
	if w.n == 0 {
		time.Sleep(3 * time.Second)
	}
	w.n += len(p)
	return len(p), nil
}
