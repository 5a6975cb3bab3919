package remote_test

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/remote"
)

func TestGetDestinations(t *testing.T) {
	t.Parallel()
	h := serve(t)
	c := h.dial(t)
	check(t, os.MkdirAll(h.Home+"/tree/sub", 0o755))
	check(t, os.WriteFile(h.Home+"/file", []byte("x"), 0o644))
	check(t, os.WriteFile(h.Home+"/tree/sub/leaf", []byte("x"), 0o644))
	check(t, os.Symlink("tree", h.Home+"/link"))
	for _, test := range []struct{ src, dest, want string }{
		{"file", "a", "a"},
		{"~/file", "logs/Instance0.log", "logs/Instance0.log"},
		{h.Home + "/file", "new/", "new/file"},
		{"file", "there", "there/file"},
		{"tree", "t", "t/sub/leaf"},
		{"tree/", "there", "there/sub/leaf"},
		{"tree", "there/", "there/tree/sub/leaf"},
		{"link", "linked", "linked/sub/leaf"},
		{"tree/sub/..", "in/", "in/tree/sub/leaf"},
		{"../" + filepath.Base(h.Home) + "/tree/sub/", "in/", "in/sub/leaf"},
	} {
		dir := t.TempDir()
		check(t, os.Mkdir(dir+"/there", 0o755))
		if _, err := c.Get(t.Context(), test.src, dir+"/"+test.dest); err != nil {
			t.Errorf("%s to %s: %v", test.src, test.dest, err)
		}
		if text, err := os.ReadFile(filepath.Join(dir, test.want)); err != nil || string(text) != "x" {
			t.Errorf("%s to %s: %v", test.src, test.dest, err)
		}
	}
}

// A src without a name of its own comes into dest, and not beside it.
func TestGetParent(t *testing.T) {
	t.Parallel()
	h := serve(t)
	check(t, os.WriteFile(h.Home+"/file", nil, 0o644))
	dir, err := os.MkdirTemp("", "gofab-remote-") // not in what is fetched
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	if _, err := h.dial(t).Get(t.Context(), "..", dir+"/in/"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir + "/in/" + filepath.Base(h.Home) + "/file"); err != nil || list(dir) != "in" {
		t.Errorf("%v; there is %s", err, list(dir))
	}
}

func TestGetErrors(t *testing.T) {
	t.Parallel()
	h := serve(t)
	c := h.dial(t)
	check(t, syscall.Mkfifo(h.Home+"/pipe", 0o644))
	check(t, os.WriteFile(h.Home+"/file", nil, 0o644))
	local := writeFile(t, nil)
	pipe := t.TempDir() + "/pipe"
	check(t, syscall.Mkfifo(pipe, 0o644)) // as /dev/null is there
	for _, test := range []struct{ src, dest, want string }{
		{"missing", "a", "read missing on the host: file does not exist"},
		{"pipe", t.TempDir(), "pipe on the host is neither a file nor a directory"},
		{"~root/x", "a", "~root/x: only ~/ is known, not other users' homes: write the whole path"},
		{"file", pipe, pipe + " is there and is no file: choose another dest"},
		{"file", local + "/a", "mkdir " + local + ": not a directory"},
	} {
		if _, err := c.Get(t.Context(), test.src, test.dest); err == nil || err.Error() != test.want {
			t.Errorf("%s to %s:\n got %v\nwant %s", test.src, test.dest, err, test.want)
		}
	}
}

// Files of no size are read all the same: /proc is full of them.
func TestGetProc(t *testing.T) {
	t.Parallel()
	c := serve(t).dial(t)
	dir := t.TempDir()
	want, err := os.ReadFile("/proc/version")
	check(t, err)
	if copied, err := c.Get(t.Context(), "/proc/version", dir+"/version"); err != nil || copied.Bytes != int64(len(want)) {
		t.Errorf("%+v, %v", copied, err)
	}
}

func TestGetsIntoOneDirectory(t *testing.T) {
	t.Parallel()
	h := serve(t)
	c := h.dial(t)
	check(t, os.MkdirAll(h.Home+"/tree/sub", 0o755))
	check(t, os.WriteFile(h.Home+"/tree/sub/leaf", random(1<<20), 0o644))
	dir := t.TempDir() + "/new"
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			if _, err := c.Get(t.Context(), "tree", dir); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	if names := list(dir + "/sub"); names != "leaf" {
		t.Errorf("%s", names)
	}
}

// Whatever a host says is in a directory, nothing is written outside of dest.
func TestGetFromLiar(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	for name, host := range map[string]liar{
		"parent":       {tree: []entry{{name: "../evil"}}},
		"dots":         {tree: []entry{{name: "..", mode: fs.ModeDir | 0o755}}},
		"absolute":     {tree: []entry{{name: outside + "/evil"}}},
		"empty":        {tree: []entry{{name: ""}}},
		"link to":      {tree: []entry{{name: "l", mode: fs.ModeSymlink | 0o777}, {name: "l", mode: fs.ModeDir | 0o755}}, link: outside},
		"link up":      {tree: []entry{{name: "l", mode: fs.ModeSymlink | 0o777}, {name: "l", mode: fs.ModeDir | 0o755}}, link: ".."},
		"link instead": {tree: []entry{{name: "evil", mode: fs.ModeSymlink | 0o777}, {name: "evil"}}, link: outside + "/evil"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parent := t.TempDir()
			c := dial(t, &remote.Dialer{}, serveSFTP(t, sftp.Handlers{FileGet: host, FileList: host, FilePut: nil, FileCmd: nil}))
			_, err := c.Get(t.Context(), "/tree", parent+"/dest")
			if err == nil && strings.HasPrefix(name, "link ") && name != "link instead" {
				t.Error("no error")
			}
			for _, file := range []string{outside + "/evil", parent + "/evil"} {
				if _, err := os.Lstat(file); err == nil {
					t.Errorf("%s was written (%v)", file, err)
				}
			}
		})
	}
}

// liar lists names and links as it likes.
type liar struct {
	tree []entry
	link string
}

func (l liar) Fileread(*sftp.Request) (io.ReaderAt, error) { return strings.NewReader("evil"), nil }

func (l liar) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	switch {
	case r.Method == "List" && r.Filepath == "/tree":
		return entries(l.tree), nil
	case r.Method == "List":
		return entries{{name: "evil"}}, nil
	case r.Filepath == "/tree":
		return entries{{name: "tree", mode: fs.ModeDir | 0o755}}, nil
	}
	return entries{{name: "evil"}}, nil
}

func (l liar) Readlink(string) (string, error) { return l.link, nil }

type entries []entry

func (e entries) ListAt(out []os.FileInfo, at int64) (int, error) {
	n := 0
	for ; n < len(out) && int(at)+n < len(e); n++ {
		out[n] = e[int(at)+n]
	}
	return n, io.EOF
}

type entry struct {
	name string
	mode fs.FileMode
}

func (e entry) Name() string       { return e.name }
func (e entry) Size() int64        { return 4 }
func (e entry) Mode() fs.FileMode  { return e.mode | 0o600 }
func (e entry) ModTime() time.Time { return time.Time{} }
func (e entry) IsDir() bool        { return e.mode.IsDir() }
func (e entry) Sys() any           { return nil }

// serveSFTP is a machine that serves files and nothing else.
func serveSFTP(t *testing.T, files sftp.Handlers) cloud.Machine {
	t.Helper()
	return serveSSH(t, &ssh.ServerConfig{NoClientAuth: true}, func(ch ssh.Channel) {
		server := sftp.NewRequestServer(ch, files)
		server.Serve()
		server.Close()
	})
}

// sshd may end a session that nobody uses (ChannelTimeout). The next transfer takes another.
func TestSessionEndedMeanwhile(t *testing.T) {
	t.Parallel()
	sessions := make(chan ssh.Channel, 2)
	c := dial(t, &remote.Dialer{}, serveSSH(t, &ssh.ServerConfig{NoClientAuth: true}, func(ch ssh.Channel) {
		sessions <- ch
		go sftp.NewRequestServer(ch, sftp.Handlers{FileGet: liar{}, FileList: liar{}}).Serve()
	}))
	for range 2 {
		if _, err := c.Get(t.Context(), "/evil", t.TempDir()); err != nil {
			t.Fatal(err)
		}
		(<-sessions).Close()
		time.Sleep(200 * time.Millisecond) // until it is known here
	}
}
