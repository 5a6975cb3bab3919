package remote_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/lab"
	"github.com/gofab/gofab/runner"
)

// fetcher is a host whose ssh is a script of ours, and what it may fetch: five bytes.
func fetcher(t *testing.T, script string) (*host, runner.Peer, runner.Shared, runner.Source) {
	t.Helper()
	bin := t.TempDir()
	check(t, os.WriteFile(bin+"/ssh", []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	h := serveShell(t, shell{"/bin/sh", []string{"PATH=" + bin + ":" + os.Getenv("PATH")}})
	file := runner.Shared{Name: "file", Size: 5, Sum: fmt.Sprintf("%x", sha256.Sum256([]byte("hello"))), Mode: 0o751, Private: "secret"}
	key := string(ssh.MarshalAuthorizedKey(newSigner(t).PublicKey()))
	from := runner.Source{Addresses: []runner.Address{{Host: "127.0.0.1", Port: "22"}}, User: "somebody", HostKey: key}
	return h, h.dial(t).(runner.Peer), file, from
}

// The key is a file of its owner's while the file comes, and is gone afterwards, whatever happens.
func TestFetchKey(t *testing.T) {
	t.Parallel()
	h, c, file, from := fetcher(t, "echo hello | head -c 5; test -e ~/quick || exec sleep 1000")
	key := func() string {
		names, _ := filepath.Glob(h.Home + "/*/.gofab-*/key")
		return strings.Join(names, " ")
	}
	for _, dest := range []string{"new/file", "new/", "a\nb/file"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := c.Fetch(ctx, file, from, dest)
			done <- err
		}()
		lab.Eventually(t, 10*time.Second, "the key is there", func() bool { return key() != "" })
		text, err := os.ReadFile(key())
		check(t, err)
		info, err := os.Stat(key())
		check(t, err)
		stage, err := os.Stat(filepath.Dir(key()))
		check(t, err)
		if string(text) != "secret" || info.Mode() != 0o600 || stage.Mode().Perm() != 0o700 {
			t.Errorf("%q, %v in %v", text, info.Mode(), stage.Mode())
		}
		cancel(errStop)
		if err := <-done; !errors.Is(err, errStop) {
			t.Error(err)
		}
		if names, _ := filepath.Glob(filepath.Dir(filepath.Dir(key())) + "/.gofab*"); key() != "" || len(names) > 0 {
			t.Errorf("%q: left: %v", dest, names)
		}
	}
	check(t, os.WriteFile(h.Home+"/quick", nil, 0o644))
	for _, dest := range []string{"new/name", "new/", "a\nb/-name"} {
		if copied, err := c.Fetch(t.Context(), file, from, dest); err != nil || copied != (runner.Copied{Files: 1, Bytes: 5}) {
			t.Errorf("%q: %+v, %v", dest, copied, err)
		}
	}
	if got := list(h.Home+"/new") + "|" + list(h.Home+"/a\nb"); got != "file name|-name" {
		t.Errorf("there is %s", got)
	}
}

// A connection that breaks leaves no key either.
func TestFetchCutOff(t *testing.T) {
	t.Parallel()
	h, c, file, from := fetcher(t, "exec sleep 1000")
	done := make(chan error, 1)
	go func() {
		_, err := c.Fetch(t.Context(), file, from, "new/file")
		done <- err
	}()
	lab.Eventually(t, 10*time.Second, "it is under way", func() bool { return list(h.Home+"/new") != "" })
	c.(runner.Conn).Close()
	unreachable(t, <-done)
	lab.Eventually(t, 10*time.Second, "nothing is left", func() bool { return list(h.Home+"/new") == "" })
}

// What a host sends to others is not trusted.
func TestFetchFromLiar(t *testing.T) {
	t.Parallel()
	h, c, file, from := fetcher(t, "exec cat /dev/zero")
	if _, err := c.Fetch(t.Context(), file, from, "new/file"); err == nil {
		t.Error("no error")
	}
	if names := list(h.Home + "/new"); names != "" {
		t.Errorf("left: %s", names)
	}
}
