package remote_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/lab"
	"github.com/gofab/gofab/internal/remote"
	"github.com/gofab/gofab/runner"
)

// without is a PATH of what the scripts of transfers use, without some of it.
func without(t *testing.T, programs ...string) []string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"sh", "tar", "mkdir", "mv", "rm", "cat", "wc", "chmod", "find", "dd"} {
		path, err := exec.LookPath(name)
		check(t, err)
		check(t, os.Symlink(path, filepath.Join(dir, name)))
	}
	for _, name := range programs {
		check(t, os.Remove(filepath.Join(dir, name)))
	}
	return []string{"PATH=" + dir}
}

// What is missing on a host makes transfers slower, and changes nothing else.
func TestTransfersWithoutPrograms(t *testing.T) {
	t.Parallel()
	for _, missing := range []string{"tar", "mkdir", "mv", "cat", "wc", "chmod", "find", "dd", "sh"} {
		t.Run(missing, func(t *testing.T) {
			t.Parallel()
			h := serveShell(t, shell{"/bin/sh", without(t, missing)})
			roundTrip(t, h.dial(t), forest(t), h.Home)
			if _, err := h.dial(t).Put(t.Context(), writeFile(t, []byte("x")), "deep/er/file", runner.PutOptions{Mode: 0o751}); err != nil {
				t.Error(err)
			}
			if info, err := os.Stat(h.Home + "/deep/er/file"); err != nil || info.Mode() != 0o751 {
				t.Errorf("%v, %v", info, err)
			}
			if left, _ := filepath.Glob(h.Home + "/.gofab-*"); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// A directory that is there keeps what else is in it, and its mode.
func TestPutTreeOverOthers(t *testing.T) {
	t.Parallel()
	h := serve(t)
	c := h.dial(t)
	src := t.TempDir() + "/tree"
	check(t, os.MkdirAll(src+"/sub/deep", 0o700))
	check(t, os.WriteFile(src+"/sub/new", []byte("new"), 0o644))
	check(t, os.WriteFile(src+"/sub/deep/leaf", []byte("leaf"), 0o644))
	check(t, os.Symlink("new", src+"/sub/link"))
	check(t, os.MkdirAll(h.Home+"/there/sub", 0o711))
	check(t, os.WriteFile(h.Home+"/there/sub/mine", []byte("mine"), 0o600))
	check(t, os.WriteFile(h.Home+"/there/sub/new", []byte("old"), 0o600))
	check(t, os.MkdirAll(h.Home+"/elsewhere", 0o755))
	check(t, os.Symlink("../../elsewhere", h.Home+"/there/sub/deep"))
	for _, dest := range []string{"there", "there/", h.Home + "/new/place"} {
		if _, err := c.Put(t.Context(), src, dest, runner.PutOptions{}); err != nil {
			t.Error(err)
		}
	}
	want := `directory "."
directory "sub"
link "sub/deep" "../../elsewhere"
link "sub/link" "new"
-rw------- "sub/mine" "mine"
-rw-r--r-- "sub/new" "new"
directory "tree"
directory "tree/sub"
directory "tree/sub/deep"
-rw-r--r-- "tree/sub/deep/leaf" "leaf"
link "tree/sub/link" "new"
-rw-r--r-- "tree/sub/new" "new"
`
	if got := describe(t, h.Home+"/there"); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if text, _ := os.ReadFile(h.Home + "/elsewhere/leaf"); string(text) != "leaf" {
		t.Errorf("through the link: %q", text)
	}
	for dir, mode := range map[string]fs.FileMode{"there/sub": 0o711, "new/place/sub/deep": 0o755, "new": 0o755} {
		if info, err := os.Stat(h.Home + "/" + dir); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", dir, info.Mode(), err)
		}
	}
	if got := output(t, c, runner.Command{Text: "find . -name '.gofab*'"}); got != "0|||<nil>" {
		t.Errorf("left: %s", got)
	}
}

// Where a tree finds a file in its way, the rest is told apart from it, as ever.
func TestTreeInTheWay(t *testing.T) {
	t.Parallel()
	h := serve(t)
	c := h.dial(t)
	src := t.TempDir() + "/tree"
	check(t, os.MkdirAll(src+"/sub", 0o755))
	check(t, os.WriteFile(src+"/sub/leaf", []byte("x"), 0o644))
	check(t, os.WriteFile(h.Home+"/file", []byte("mine"), 0o644))
	check(t, os.MkdirAll(h.Home+"/there/sub/leaf/deep", 0o755))
	for dest, want := range map[string]string{"file": "make directory file on the host", "there": "replace there/sub/leaf on the host"} {
		if _, err := c.Put(t.Context(), src, dest, runner.PutOptions{}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", dest, err)
		}
	}
	if text, err := os.ReadFile(h.Home + "/file"); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
	if got := output(t, c, runner.Command{Text: "find . -name '.gofab*'"}); got != "0|||<nil>" {
		t.Errorf("left: %s", got)
	}
}

// A directory is not removed to make room for a link, and a link that is there is replaced.
func TestDirectoryInPlaceOfLink(t *testing.T) {
	t.Parallel()
	for _, missing := range [][]string{nil, {"tar"}} {
		h := serveShell(t, shell{"/bin/sh", without(t, missing...)})
		c := h.dial(t)
		src, back := h.Home+"/src", t.TempDir()
		check(t, os.MkdirAll(src, 0o755))
		check(t, os.Symlink("/nowhere", src+"/link"))
		check(t, os.MkdirAll(h.Home+"/there/link", 0o755))
		check(t, os.Mkdir(back+"/link", 0o755))
		if _, err := c.Put(t.Context(), src, "there", runner.PutOptions{}); err == nil || !strings.HasPrefix(err.Error(), "replace there/link on the host") {
			t.Errorf("without %s: %v", missing, err)
		}
		if _, err := c.Get(t.Context(), "src", back); err == nil {
			t.Errorf("without %s: no error", missing)
		}
		if got := describe(t, h.Home+"/there") + describe(t, back); got != strings.Repeat("directory \".\"\ndirectory \"link\"\n", 2) {
			t.Errorf("without %s, there is %s", missing, got)
		}
	}
}

// tar looks for the content of no file that says that it has none, and writes a name of a file
// that it has had already as a link.
func TestGetTreeOfOddFiles(t *testing.T) {
	t.Parallel()
	h := serve(t)
	c := h.dial(t)
	dir := t.TempDir()
	if _, err := c.Get(t.Context(), "/proc/sys/kernel/random", dir+"/random"); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(dir + "/random/uuid"); err != nil || len(text) < 36 {
		t.Errorf("uuid: %q, %v", text, err)
	}
	check(t, os.MkdirAll(h.Home+"/tree/sub", 0o755))
	check(t, os.WriteFile(h.Home+"/tree/one", []byte("twice"), 0o640))
	check(t, os.Link(h.Home+"/tree/one", h.Home+"/tree/sub/two"))
	check(t, os.WriteFile(h.Home+"/tree/set", []byte("x"), 0o644))
	check(t, os.Chmod(h.Home+"/tree/set", 0o4755))
	copied, err := c.Get(t.Context(), "tree", dir+"/tree")
	if err != nil || copied != (runner.Copied{Files: 3, Bytes: 11}) {
		t.Errorf("%+v, %v", copied, err)
	}
	check(t, os.WriteFile(dir+"/tree/one", []byte("changed"), 0o640))
	want := `directory "."
-rw-r----- "one" "changed"
-rwxr-xr-x "set" "x"
directory "sub"
-rw-r----- "sub/two" "twice"
`
	if got := describe(t, dir+"/tree"); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// A host's tar may look for holes without being asked.
func TestGetTreeWithHoles(t *testing.T) {
	t.Parallel()
	path := without(t, "tar")
	check(t, os.WriteFile(strings.TrimPrefix(path[0], "PATH=")+"/tar", []byte("#!/bin/sh\nexec /usr/bin/tar -S \"$@\"\n"), 0o755))
	h := serveShell(t, shell{"/bin/sh", path})
	check(t, os.MkdirAll(h.Home+"/tree", 0o755))
	check(t, os.WriteFile(h.Home+"/tree/holes", []byte("x"), 0o644))
	check(t, os.Truncate(h.Home+"/tree/holes", 1<<20))
	dir := t.TempDir()
	copied, err := h.dial(t).Get(t.Context(), "tree", dir)
	if text, _ := os.ReadFile(dir + "/holes"); err != nil || copied.Files != 1 || len(text) != 1<<20 || text[0] != 'x' {
		t.Errorf("%+v, %d bytes, %v", copied, len(text), err)
	}
}

// Cancelled or cut off, a tree leaves nothing, but for the part of a host that cannot be asked to
// remove it.
func TestTreeCutShort(t *testing.T) {
	t.Parallel()
	h := serve(t)
	src := h.Home + "/tree"
	check(t, os.MkdirAll(src+"/sub", 0o755))
	check(t, os.WriteFile(src+"/sub/big", random(50<<20), 0o644))
	for name, transfer := range map[string]func(context.Context, runner.Conn, string) error{
		"put": func(ctx context.Context, c runner.Conn, dir string) error {
			_, err := c.Put(ctx, src, dir+"/final", runner.PutOptions{})
			return err
		},
		"get": func(ctx context.Context, c runner.Conn, dir string) error {
			_, err := c.Get(ctx, src, dir+"/final")
			return err
		},
	} {
		for _, how := range []string{"cancelled", "cut off"} {
			t.Run(name+" "+how, func(t *testing.T) {
				dir := t.TempDir()
				link := lab.Relay(t, h.addr)
				c := dial(t, &remote.Dialer{}, over(link, h.machine))
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				done := make(chan error, 1)
				go func() { done <- transfer(ctx, c, dir) }()
				lab.Eventually(t, 10*time.Second, "it is under way", func() bool { return arrived(dir) > 1<<20 })
				if how == "cancelled" {
					cancel(errStop)
					if err := <-done; !errors.Is(err, errStop) {
						t.Error(err)
					}
				} else {
					link.Close()
					unreachable(t, <-done)
				}
				lab.Eventually(t, 10*time.Second, "nothing is left in "+dir, func() bool {
					names := strings.Fields(list(dir))
					return len(names) == 0 || name == "get" && len(names) == 1 && list(dir+"/final") == ""
				})
			})
		}
	}
}

// A tree that has arrived when its transfer is cancelled is not left beside its place, whether the
// host says so at once or when nobody listens any more.
func TestTreeCancelledAtItsEnd(t *testing.T) {
	t.Parallel()
	src := t.TempDir()
	check(t, os.WriteFile(src+"/leaf", []byte("x"), 0o644))
	for name, pause := range map[string]time.Duration{"soon": 0, "late": 3 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := without(t, "find")
			bin := strings.TrimPrefix(path[0], "PATH=")
			check(t, os.WriteFile(bin+"/find", []byte("#!/bin/sh\nuntil [ -e "+bin+"/go ]; do /bin/sleep 0.1; done\nexec /usr/bin/find \"$@\"\n"), 0o755))
			h := serveShell(t, shell{"/bin/sh", path})
			c := h.dial(t)
			check(t, os.Mkdir(h.Home+"/there", 0o755))
			ctx, cancel := context.WithCancelCause(t.Context())
			done := make(chan error, 1)
			go func() {
				_, err := c.Put(ctx, src, "there", runner.PutOptions{})
				done <- err
			}()
			lab.Eventually(t, 10*time.Second, "it has arrived", func() bool {
				names, _ := filepath.Glob(h.Home + "/there/.gofab-*/whole")
				return len(names) > 0
			})
			cancel(errStop)
			time.AfterFunc(pause, func() { os.WriteFile(bin+"/go", nil, 0o644) })
			if err := <-done; !errors.Is(err, errStop) {
				t.Error(err)
			}
			lab.Eventually(t, 5*time.Second, "nothing is left", func() bool { return list(h.Home+"/there") == "" })
		})
	}
}

// A login shell that greets makes transfers slower at most.
func TestTransfersAfterGreeting(t *testing.T) {
	t.Parallel()
	login := writeFile(t, []byte("#!/bin/sh\necho welcome\nexec /bin/sh \"$@\"\n"))
	check(t, os.Chmod(login, 0o755))
	h := serveShell(t, shell{login, []string{"PATH=" + os.Getenv("PATH")}})
	c := h.dial(t)
	roundTrip(t, c, forest(t), h.Home)
	if left := output(t, c, runner.Command{Text: "find . -name '.gofab*'"}); left != "0|welcome\n||<nil>" {
		t.Errorf("left: %s", left)
	}
}

// arrived is the size of all files in dir.
func arrived(dir string) (sum int64) {
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				sum += info.Size()
			}
		}
		return nil
	})
	return sum
}

// Whatever a host puts into an archive, nothing is written outside of dest.
func TestGetFromLiarWithTar(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	check(t, os.WriteFile(outside+"/secret", []byte("secret"), 0o600))
	root := &tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o755}
	link := func(name, target string) *tar.Header {
		return &tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target}
	}
	file := func(name string) *tar.Header {
		return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: 4, Mode: 0o644}
	}
	for name, test := range map[string]struct {
		want    string
		headers []*tar.Header
	}{
		"parent":        {`impossible name "../evil"`, []*tar.Header{root, file("../evil")}},
		"deep":          {`impossible name "a/../../evil"`, []*tar.Header{root, file("a/../../evil")}},
		"absolute":      {"impossible name", []*tar.Header{root, file(outside + "/evil")}},
		"through":       {`"l/evil" where it cannot be`, []*tar.Header{root, link("l", outside), file("l/evil")}},
		"up":            {`"l/l/evil" where it cannot be`, []*tar.Header{root, link("l", ".."), file("l/l/evil")}},
		"instead":       {`"evil" where it cannot be`, []*tar.Header{root, link("evil", outside+"/evil"), file("evil")}},
		"directory":     {`"l" where it cannot be`, []*tar.Header{root, link("l", outside), {Typeflag: tar.TypeDir, Name: "l"}}},
		"other name":    {`which is no file that it has sent`, []*tar.Header{root, {Typeflag: tar.TypeLink, Name: "s", Linkname: outside + "/secret"}}},
		"name of link":  {`which is no file that it has sent`, []*tar.Header{root, link("l", outside+"/secret"), {Typeflag: tar.TypeLink, Name: "s", Linkname: "l"}}},
		"through other": {`which is no file that it has sent`, []*tar.Header{root, link("l", outside), {Typeflag: tar.TypeLink, Name: "s", Linkname: "l/secret"}}},
		"devices":       {"", []*tar.Header{root, {Typeflag: tar.TypeChar, Name: "null"}, {Typeflag: tar.TypeBlock, Name: "disk"}, {Typeflag: tar.TypeFifo, Name: "pipe"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var archive bytes.Buffer
			w := tar.NewWriter(&archive)
			for _, h := range test.headers {
				check(t, w.WriteHeader(h))
				io.WriteString(w, "evil"[:h.Size])
			}
			check(t, w.Close())
			parent := t.TempDir()
			c := dial(t, &remote.Dialer{}, serveTar(t, archive.Bytes()))
			_, err := c.Get(t.Context(), "/tree", parent+"/dest")
			if err == nil != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
			if names := list(parent + "/dest"); names != "" {
				t.Errorf("in dest: %s", names)
			}
			if names := list(outside) + " " + list(parent); names != "secret dest" {
				t.Errorf("outside of dest: %s", names)
			}
		})
	}
}

// serveTar is a machine with a directory /tree. Whoever asks it for a command gets archive.
func serveTar(t *testing.T, archive []byte) cloud.Machine {
	t.Helper()
	config := &ssh.ServerConfig{NoClientAuth: true}
	key := newSigner(t)
	config.AddHostKey(key)
	files := liar{}
	m := serveTCP(t, func(c net.Conn) {
		_, channels, requests, err := ssh.NewServerConn(c, config)
		if err != nil {
			return
		}
		go ssh.DiscardRequests(requests)
		for channel := range channels {
			ch, requests, err := channel.Accept()
			if err != nil {
				return
			}
			go func() {
				for r := range requests {
					r.Reply(true, nil)
					switch r.Type {
					case "subsystem":
						go func() {
							server := sftp.NewRequestServer(ch, sftp.Handlers{FileGet: files, FileList: files})
							server.Serve()
							server.Close()
						}()
					case "exec":
						ch.Write(archive)
						ch.SendRequest("exit-status", false, make([]byte, 4))
						ch.Close()
					}
				}
			}()
		}
	})
	m.HostKey = string(ssh.MarshalAuthorizedKey(key.PublicKey()))
	return m
}

// Commands may begin in another directory than SFTP does. What was put is found there.
func TestCommandsBeginElsewhere(t *testing.T) {
	t.Parallel()
	elsewhere := t.TempDir()
	login := writeFile(t, []byte("#!/bin/sh\ncd "+elsewhere+" && exec /bin/sh \"$@\"\n"))
	check(t, os.Chmod(login, 0o755))
	h := serveShell(t, shell{login, []string{"PATH=" + os.Getenv("PATH")}})
	c := h.dial(t)
	if _, err := c.Put(t.Context(), writeFile(t, []byte("x")), "sub/file", runner.PutOptions{}); err != nil {
		t.Error(err)
	}
	if _, err := c.Put(t.Context(), writeFile(t, nil), "empty", runner.PutOptions{}); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(elsewhere + "/empty"); err != nil || len(text) > 0 {
		t.Errorf("%q, %v", text, err)
	}
	dir := t.TempDir()
	if _, err := c.Get(t.Context(), "sub/file", dir+"/"); err != nil {
		t.Error(err)
	}
	if _, err := c.Get(t.Context(), "sub", dir+"/"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{elsewhere + "/sub/file", dir + "/file", dir + "/sub/file"} {
		if text, err := os.ReadFile(name); err != nil || string(text) != "x" {
			t.Errorf("%q, %v", text, err)
		}
	}
	if _, err := c.Get(t.Context(), "missing", dir); err == nil || err.Error() != "read missing on the host: file does not exist" {
		t.Error(err)
	}
}
