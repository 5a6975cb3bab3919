//go:build sshd

package remote_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/lab"
	"github.com/gofab/gofab/internal/remote"
	"github.com/gofab/gofab/runner"
)

// A host whose disk hangs reads nothing more, says nothing more and does not even end a session. It
// does not hold up whoever wants to stop.
func TestOpenSSHStuckHost(t *testing.T) {
	t.Parallel()
	bin, dir := t.TempDir(), t.TempDir()
	check(t, os.Chmod(filepath.Dir(bin), 0o755)) // it is somebody else who logs in
	hangs := filepath.Join(bin, "hangs")
	check(t, os.WriteFile(hangs, nil, 0o644))
	t.Cleanup(func() { os.Remove(hangs) })
	for _, name := range []string{"cat", "tar"} {
		text := "#!/bin/sh\ntrap '' TERM HUP\necho " + name + "\nwhile [ -e " + hangs + " ]; do sleep 0.1; done\n"
		check(t, os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755))
	}
	check(t, os.Mkdir(dir+"/tree", 0o777))
	check(t, os.WriteFile(dir+"/tree/big", random(20<<20), 0o644))
	check(t, os.Mkdir(dir+"/there", 0o777))
	check(t, os.Chmod(dir+"/there", 0o777))
	m := lab.Sshd(t, 1, "SetEnv PATH="+bin+":/usr/bin:/bin").Machines(lab.User)[0]
	for name, transfer := range map[string]func(context.Context, runner.Conn) (runner.Copied, error){
		"put file": func(ctx context.Context, c runner.Conn) (runner.Copied, error) {
			return c.Put(ctx, dir+"/tree/big", dir+"/there/", runner.PutOptions{})
		},
		"put tree": func(ctx context.Context, c runner.Conn) (runner.Copied, error) {
			return c.Put(ctx, dir+"/tree", dir+"/there/", runner.PutOptions{})
		},
		"get tree": func(ctx context.Context, c runner.Conn) (runner.Copied, error) {
			return c.Get(ctx, dir+"/tree", dir+"/here/")
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, &remote.Dialer{}, m)
			stopStuck(t, func(ctx context.Context) error {
				_, err := transfer(ctx, c)
				return err
			})
		})
	}
	check(t, os.Remove(hangs))
	lab.Eventually(t, 10*time.Second, "nothing is left", func() bool { return list(dir+"/there") == "" })
}
