//go:build sshd

package remote_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/lab"
	"github.com/gofab/gofab/internal/remote"
	"github.com/gofab/gofab/runner"
)

// A host hands a file on to others: to who has the key, nothing but the file, and as long as it
// serves.
func TestOpenSSHSpread(t *testing.T) {
	t.Parallel()
	machines := lab.Sshd(t, 2).Machines(lab.User)
	near, far := dial(t, &remote.Dialer{}, machines[0]), dial(t, &remote.Dialer{}, machines[1])
	from, to := near.(runner.Peer), far.(runner.Peer)
	home := strings.Split(strings.TrimPrefix(output(t, far, runner.Command{Text: "echo $HOME"}), "0|"), "\n")[0]
	dir := "spread-" + rand.Text()
	keyed := func() bool { // other tests use the same home
		text, err := os.ReadFile(home + "/.ssh/authorized_keys")
		return err == nil && bytes.Contains(text, []byte(dir))
	}
	must := func(text string) {
		t.Helper()
		if got := output(t, far, runner.Command{Text: text}); !strings.HasPrefix(got, "0|") {
			t.Fatalf("%s: %s", text, got)
		}
	}
	data := random(3 << 20)
	if _, err := near.Put(t.Context(), writeFile(t, data), dir+"/a file", runner.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	defer must("rm -rf " + dir)

	key := filepath.Join(t.TempDir(), "key")
	public := lab.NewKey(t, key)
	private, err := os.ReadFile(key)
	check(t, err)
	file := runner.Shared{Name: "file", Size: int64(len(data)), Sum: fmt.Sprintf("%x", sha256.Sum256(data)), Mode: 0o751, Private: string(private), Public: public}
	ctx, stop := context.WithCancelCause(t.Context())
	ready, served := make(chan runner.Source, 1), make(chan error, 1)
	serve := func(ctx context.Context) {
		served <- from.Serve(ctx, file, dir+"/a file", func(s runner.Source) { ready <- s })
	}
	go serve(ctx)
	source := <-ready

	for _, dest := range []string{dir + "/new/name", home + "/" + dir + "/", dir + "/new"} {
		if copied, err := to.Fetch(t.Context(), file, source, dest); err != nil || copied != (runner.Copied{Files: 1, Bytes: file.Size}) {
			t.Errorf("%s: %+v, %v", dest, copied, err)
		}
	}
	must("cd " + dir + " && cmp new/name 'a file' && cmp file new/file && [ $(stat -c %a file) = 751 ]")

	// Whatever else is asked for, the file is what there is.
	address := source.Addresses[0]
	ask := func() (string, error) {
		cmd := exec.Command("ssh", "-F", "/dev/null", "-i", key, "-p", address.Port, "-l", source.User, "-o", "BatchMode=yes", "-o", "IdentityAgent=none",
			"-o", "UserKnownHostsFile="+machines[0].Login.KnownHosts, address.Host, "id")
		out, err := cmd.Output()
		return string(out), err
	}
	if out, err := ask(); err != nil || out != string(data) {
		t.Errorf("with the key: %d bytes, %v", len(out), err)
	}

	changed, impostor := file, source
	changed.Sum = strings.Repeat("0", 64)
	impostor.HostKey = string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(newSigner(t).PublicKey())))
	refused := func(file runner.Shared, source runner.Source, want string) {
		t.Helper()
		if _, err := to.Fetch(t.Context(), file, source, dir+"/refused"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	refused(changed, source, "what came is not the file")
	refused(file, impostor, "Host key verification failed")

	stop(errStop)
	if err := <-served; err != nil {
		t.Error(err)
	}
	if keyed() {
		t.Error("the key is left in authorized_keys")
	}
	if _, err := ask(); err == nil {
		t.Error("the key still opens the host")
	}
	refused(file, source, "Permission denied")

	// Nobody has to be left to take the key back.
	go serve(t.Context())
	<-ready
	if !keyed() {
		t.Error("there is no key to take back")
	}
	near.Close()
	unreachable(t, <-served)
	lab.Eventually(t, 10*time.Second, "the key is taken back", func() bool { return !keyed() })
	if got := output(t, far, runner.Command{Text: "cd " + dir + " && find . | sort"}); got != "0|.\n./a file\n./file\n./new\n./new/file\n./new/name\n||<nil>" {
		t.Errorf("left: %s", got)
	}
}

// A full disk costs nobody a key: authorized_keys is what lets people in.
func TestServeOnFullDisk(t *testing.T) {
	t.Parallel()
	for name, sh := range shells {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := serveShell(t, sh(t))
			if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "none", h.Home).CombinedOutput(); err != nil {
				t.Fatalf("mount: %s", out)
			}
			t.Cleanup(func() { exec.Command("umount", h.Home).Run() })
			mine := strings.Repeat("# mine\n", 580) // nearly a page
			check(t, os.MkdirAll(h.Home+"/.ssh", 0o700))
			check(t, os.WriteFile(h.Home+"/.ssh/authorized_keys", []byte(mine), 0o640))
			check(t, os.WriteFile(h.Home+"/file", []byte("x"), 0o644))
			file := runner.Shared{Name: "file", Public: lab.NewKey(t, filepath.Join(t.TempDir(), "key"))}
			from := h.dial(t).(runner.Peer)
			fill := func() { os.WriteFile(h.Home+"/full", make([]byte, 64<<10), 0o644) }
			serve := func(with func()) error {
				ctx, stop := context.WithCancelCause(t.Context())
				return from.Serve(ctx, file, "file", func(runner.Source) { with(); stop(errStop) })
			}
			holds := func() string {
				text, err := os.ReadFile(h.Home + "/.ssh/authorized_keys")
				check(t, err)
				return string(text)
			}

			if err := serve(fill); err == nil || !strings.HasPrefix(holds(), mine) {
				t.Errorf("full meanwhile: %v; %d bytes are left", err, len(holds()))
			}
			check(t, os.WriteFile(h.Home+"/.ssh/authorized_keys", []byte(mine), 0o640))
			fill()
			if err := serve(func() { t.Error("ready") }); err == nil || holds() != mine {
				t.Errorf("full before: %v; it has become %q", err, strings.TrimPrefix(holds(), mine))
			}
			check(t, os.Remove(h.Home+"/full"))
			if err := serve(func() {}); err != nil || holds() != mine {
				t.Errorf("afterwards: %v; it has become %q", err, strings.TrimPrefix(holds(), mine))
			}
			if info, err := os.Stat(h.Home + "/.ssh/authorized_keys"); err != nil || info.Mode() != 0o640 || list(h.Home+"/.ssh") != "authorized_keys" {
				t.Errorf("%v, %v; in .ssh: %s", info.Mode(), err, list(h.Home+"/.ssh"))
			}
		})
	}
}
