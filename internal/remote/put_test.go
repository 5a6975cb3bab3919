package remote_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/lab"
	"github.com/gofab/gofab/internal/remote"
	"github.com/gofab/gofab/runner"
)

func writeFile(t *testing.T, text []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// odd are names that quoting gets wrong.
var odd = []string{"plain", "with space", "-rf", "it's", `"x"`, "$HOME", "a\nb", "ünï ☃", "latin \xe9", "*", `back\slash`, "~", "#x", ".hidden", "..a", "%s"}

// forest makes a directory with all that a file system has.
func forest(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "forest")
	for i, name := range odd {
		sub := filepath.Join(dir, name, name)
		check(t, os.MkdirAll(sub, 0o755))
		check(t, os.WriteFile(filepath.Join(sub, name), []byte(strings.Repeat(name, i)), 0o640))
	}
	check(t, os.WriteFile(filepath.Join(dir, "program"), []byte("#!/bin/sh\n"), 0o755))
	check(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("secret"), 0o600))
	check(t, os.Mkdir(filepath.Join(dir, "empty"), 0o755))
	check(t, os.Symlink("/nowhere", filepath.Join(dir, "absolute")))
	return dir
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// describe is one line for each file: mode, name, content.
func describe(t *testing.T, dir string) string {
	t.Helper()
	var text strings.Builder
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			target, _ := os.Readlink(name)
			fmt.Fprintf(&text, "link %q %q\n", rel, target)
		case d.IsDir():
			fmt.Fprintf(&text, "directory %q\n", rel)
		default:
			content, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			fmt.Fprintf(&text, "%v %q %q\n", info.Mode(), rel, content)
		}
		return nil
	})
	check(t, err)
	return text.String()
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	h := serve(t)
	from := forest(t)
	roundTrip(t, h.dial(t), from, h.Home)
}

// link adds symbolic links to a forest. pkg/sftp's server, unlike OpenSSH's, makes relative ones
// absolute.
func link(t *testing.T, dir string) {
	t.Helper()
	check(t, os.Symlink("program", filepath.Join(dir, "link")))
	check(t, os.Symlink("nowhere", filepath.Join(dir, "dangling")))
	check(t, os.Symlink("../..", filepath.Join(dir, "empty", "up")))
}

// roundTrip puts a forest into the remote dir and gets it back.
func roundTrip(t *testing.T, c runner.Conn, from, dir string) {
	t.Helper()
	want := describe(t, from)
	files := strings.Count(want, "\n") - strings.Count(want, "directory ")
	back := filepath.Join(t.TempDir(), "new", "back")
	for range 2 { // again, over what is there
		copied, err := c.Put(t.Context(), from, dir+"/new/there", runner.PutOptions{})
		if err != nil || copied.Files != files || copied.Bytes == 0 {
			t.Errorf("put: %+v, %v", copied, err)
		}
		got, err := c.Get(t.Context(), dir+"/new/there", back)
		if err != nil || got != copied {
			t.Errorf("get: %+v, %v", got, err)
		}
		if got := describe(t, back); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}

func TestPutDestinations(t *testing.T) {
	t.Parallel()
	h := serve(t)
	c := h.dial(t)
	check(t, os.Mkdir(h.Home+"/there", 0o755))
	src := t.TempDir()
	check(t, os.WriteFile(src+"/file", []byte("x"), 0o644))
	check(t, os.MkdirAll(src+"/tree/sub", 0o755))
	check(t, os.WriteFile(src+"/tree/sub/leaf", []byte("x"), 0o644))
	check(t, os.Symlink("tree", src+"/link"))
	for _, test := range []struct{ src, dest, want string }{
		{"file", "a", "a"},
		{"file", "", "file"},
		{"file", "~", "file"},
		{"file", "~/", "file"},
		{"file", "~/b", "b"},
		{"file", "there", "there/file"},
		{"file", "there/", "there/file"},
		{"file", "new/", "new/file"},
		{"file", "deep/er/c", "deep/er/c"},
		{"file", h.Home + "/abs", "abs"},
		{"tree", "t", "t/sub/leaf"},
		{"tree", "there", "there/sub/leaf"},
		{"tree", "there/", "there/tree/sub/leaf"},
		{"tree/sub/..", "dots/", "dots/tree/sub/leaf"},
		{"link", "linked", "linked/sub/leaf"},
		{"link", "named/", "named/link/sub/leaf"},
	} {
		if _, err := c.Put(t.Context(), src+"/"+test.src, test.dest, runner.PutOptions{}); err != nil {
			t.Errorf("%s to %q: %v", test.src, test.dest, err)
			continue
		}
		name := filepath.Join(h.Home, test.want)
		if text, err := os.ReadFile(name); err != nil || string(text) != "x" {
			t.Errorf("%s to %q: %v", test.src, test.dest, err)
		}
		os.Remove(name)
	}
	for _, name := range odd {
		if name == "~" { // which means the home directory
			continue
		}
		if _, err := c.Put(t.Context(), src+"/file", name, runner.PutOptions{Mode: 0o751}); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if info, err := os.Stat(filepath.Join(h.Home, name)); err != nil || info.Mode() != 0o751 {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestPutErrors(t *testing.T) {
	t.Parallel()
	h := serve(t)
	c := h.dial(t)
	src := t.TempDir()
	check(t, os.WriteFile(src+"/file", []byte("x"), 0o644))
	check(t, syscall.Mkfifo(src+"/pipe", 0o644))
	check(t, os.WriteFile(h.Home+"/file", nil, 0o644))
	check(t, syscall.Mkfifo(h.Home+"/pipe", 0o644)) // as /dev/null is there
	check(t, os.Mkdir(h.Home+"/in", 0o755))
	check(t, syscall.Mkfifo(h.Home+"/in/file", 0o644))
	for _, test := range []struct{ src, dest, want string }{
		{src + "/missing", "a", "stat " + src + "/missing: no such file or directory"},
		{src + "/file", "file/a", "make directory file on the host: mkdir file: not a directory"},
		{src + "/file", "~root/x", "~root/x: only ~/ is known, not other users' homes: write the whole path"},
		{src + "/file", "a\x00b", `"a\x00b": a name cannot hold a NUL byte`},
		{src + "/file", "/proc/none/x", "make directory /proc/none on the host: file does not exist"},
		{src + "/pipe", "a", src + "/pipe is neither a file nor a directory: leave it out of what is put"},
		{src + "/file", "pipe", "pipe on the host is there and is no file: choose another dest"},
		{src + "/file", "in", "in/file on the host is there and is no file: choose another dest"},
		{src, "a", src + "/pipe is neither a file nor a directory: leave it out of what is put"},
	} {
		if _, err := c.Put(t.Context(), test.src, test.dest, runner.PutOptions{}); err == nil || err.Error() != test.want {
			t.Errorf("%s to %s:\n got %v\nwant %s", test.src, test.dest, err, test.want)
		}
	}
	if got := output(t, c, runner.Command{Text: "echo alive; find . -name '.gofab*'"}); got != "0|alive\n||<nil>" {
		t.Errorf("%q", got)
	}
}

func TestPutBig(t *testing.T) {
	t.Parallel()
	h := serve(t)
	c := h.dial(t)
	data := random(50 << 20)
	name := writeFile(t, data)
	began := time.Now()
	if _, err := c.Put(t.Context(), name, "big", runner.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Logf("put: %.0f MB/s", 50/time.Since(began).Seconds())
	began = time.Now()
	if _, err := c.Get(t.Context(), "big", name); err != nil {
		t.Fatal(err)
	}
	t.Logf("get: %.0f MB/s", 50/time.Since(began).Seconds())
	for _, name := range []string{h.Home + "/big", name} {
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

func random(n int) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(data)
	return data
}

// A slow link to a fast host: files overlap, or 2,000 of them would take half a minute.
func TestPutManyFiles(t *testing.T) {
	t.Parallel()
	h := serve(t)
	link := lab.Relay(t, h.addr)
	c := dial(t, &remote.Dialer{}, over(link, h.machine))
	dir := t.TempDir()
	for i := range 2000 {
		check(t, os.WriteFile(fmt.Sprintf("%s/%d", dir, i), []byte(fmt.Sprint(i)), 0o644))
	}
	link.Delay(time.Millisecond)
	began := time.Now()
	copied, err := c.Put(t.Context(), dir, "many", runner.PutOptions{})
	if err != nil || copied.Files != 2000 {
		t.Errorf("%+v, %v", copied, err)
	}
	t.Logf("put: %v", time.Since(began).Round(time.Millisecond))
	back := t.TempDir()
	if copied, err := c.Get(t.Context(), "many", back); err != nil || copied.Files != 2000 {
		t.Errorf("%+v, %v", copied, err)
	}
	if text, err := os.ReadFile(back + "/1999"); err != nil || string(text) != "1999" {
		t.Errorf("%q, %v", text, err)
	}
}

// A program that runs can be replaced.
func TestPutOverRunningProgram(t *testing.T) {
	t.Parallel()
	h := serve(t)
	c := h.dial(t)
	if _, err := c.Put(t.Context(), "/bin/sleep", "program", runner.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	k := begin(t, c.Exec, runner.Command{Text: "echo ready; exec ./program 1000"})
	lab.Eventually(t, 5*time.Second, "it runs", func() bool {
		return slices.ContainsFunc(lab.Marked(k.mark), func(pid int) bool {
			exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
			return exe == h.Home+"/program"
		})
	})
	if _, err := c.Put(t.Context(), writeFile(t, []byte("new")), "program", runner.PutOptions{}); err != nil {
		t.Error(err)
	}
	k.stop(t, soon)
}

// Cancelled or cut off in the middle, a transfer leaves nothing under the final name; cancelled,
// nothing at all, and the connection serves others.
func TestTransferCutShort(t *testing.T) {
	t.Parallel()
	h := serve(t)
	check(t, os.WriteFile(h.Home+"/source", random(50<<20), 0o644))
	local := h.Home + "/source"
	for name, transfer := range map[string]func(context.Context, runner.Conn, string) error{
		"put": func(ctx context.Context, c runner.Conn, dir string) error {
			_, err := c.Put(ctx, local, dir+"/final", runner.PutOptions{})
			return err
		},
		"get": func(ctx context.Context, c runner.Conn, dir string) error {
			_, err := c.Get(ctx, "source", dir+"/final")
			return err
		},
	} {
		t.Run(name+" cancelled", func(t *testing.T) {
			dir := t.TempDir()
			link := lab.Relay(t, h.addr)
			c := dial(t, &remote.Dialer{}, over(link, h.machine))
			bystander := filepath.Join(dir, "other")
			ctx, cancel := context.WithCancelCause(t.Context())
			done := make(chan error, 1)
			go func() { done <- transfer(ctx, c, dir) }()
			lab.Eventually(t, 10*time.Second, "it is under way", func() bool { return partial(dir) > 1<<20 })
			cancel(errStop)
			if _, err := c.Put(t.Context(), "put_test.go", bystander, runner.PutOptions{}); err != nil {
				t.Errorf("another transfer: %v", err)
			}
			if err := <-done; !errors.Is(err, errStop) {
				t.Error(err)
			}
			if names := list(dir); names != "other" {
				t.Errorf("left: %s", names)
			}
		})
		t.Run(name+" cut off", func(t *testing.T) {
			dir := t.TempDir()
			link := lab.Relay(t, h.addr)
			c := dial(t, &remote.Dialer{}, over(link, h.machine))
			done := make(chan error, 1)
			go func() { done <- transfer(t.Context(), c, dir) }()
			lab.Eventually(t, 10*time.Second, "it is under way", func() bool { return partial(dir) > 1<<20 })
			link.Close()
			unreachable(t, <-done)
			if _, err := os.Stat(dir + "/final"); err == nil {
				t.Error("there is half a file")
			}
			if name == "get" && list(dir) != "" {
				t.Errorf("left: %s", list(dir))
			}
		})
	}
}

// partial is the size of what is being written in dir.
func partial(dir string) int64 {
	names, _ := filepath.Glob(dir + "/.gofab-*")
	if len(names) == 0 {
		return 0
	}
	info, err := os.Stat(names[0])
	if err != nil {
		return 0
	}
	return info.Size()
}

func list(dir string) string {
	entries, _ := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestTransferOverSilentNetwork(t *testing.T) {
	t.Parallel()
	h := serve(t)
	link := lab.Relay(t, h.addr)
	c := dial(t, &remote.Dialer{Silence: time.Second}, over(link, h.machine))
	if _, err := c.Put(t.Context(), "put_test.go", "a", runner.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	link.Silence()
	began := time.Now()
	_, err := c.Put(t.Context(), "put_test.go", "b", runner.PutOptions{})
	unreachable(t, err)
	_, err = c.Get(t.Context(), "a", t.TempDir())
	unreachable(t, err)
	if took := time.Since(began); took > soon {
		t.Errorf("it took %v", took)
	}
}

// A server may accept whatever is asked for and do nothing about it.
func TestTransferWithMuteServer(t *testing.T) {
	t.Parallel()
	c := dial(t, &remote.Dialer{}, serveSSH(t, &ssh.ServerConfig{NoClientAuth: true}, func(ssh.Channel) {}))
	stopStuck(t, func(ctx context.Context) error {
		_, err := c.Get(ctx, "file", t.TempDir())
		return err
	})
	stopStuck(t, func(ctx context.Context) error {
		_, err := c.Put(ctx, "put_test.go", "file", runner.PutOptions{})
		return err
	})
}

// stopStuck cancels a transfer that has come as far as it can.
func stopStuck(t *testing.T, transfer func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { done <- transfer(ctx) }()
	select {
	case err := <-done:
		t.Fatalf("it has ended: %v", err)
	case <-time.After(time.Second):
	}
	cancel(errStop)
	select {
	case err := <-done:
		if !errors.Is(err, errStop) {
			t.Error(err)
		}
	case <-time.After(8 * time.Second):
		t.Fatal("it has not returned")
	}
}
