//go:build linux && sshd

package userdata

import (
	"bufio"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// boot is what systemd lets cloud-init do at a first boot, stage by stage.
const boot = `
	cloud-init init --local
	cloud-init init
	cloud-init modules --mode=config
	cloud-init modules --mode=final
	echo booted
	exec cat
`

// The machine is who we think it is, and lets in whom we named and nobody else.
func TestLogin(t *testing.T) {
	t.Parallel()
	for _, named := range []struct {
		user   string // in the document
		may    string // log in
		maynot string
	}{
		{"", "debian", "root"},
		{"root", "root", "nobody"},
		{"miner", "miner", "root"},
	} {
		t.Run("user="+named.user, func(t *testing.T) {
			t.Parallel()
			key := newKey(t)
			c := config(t, func(c *Config) { c.User, c.UserKey = named.user, key.Public })
			r := enter(t, render(t, c), boot)
			r.says(t, "booted\n")

			client, err := r.dial(t, c.HostKey, key, named.may)
			if err != nil {
				t.Fatalf("%s: %v", named.may, err)
			}
			if got := run(t, client, "id -un"); got != named.may {
				t.Errorf("as %s: %s", named.may, got)
			}
			if got := r.run(t, "cd /etc/ssh; echo ssh_host_*; stat -c %a ssh_host_ed25519_key; cat ssh_host_ed25519_key ssh_host_ed25519_key.pub"); got !=
				"ssh_host_ed25519_key ssh_host_ed25519_key.pub\n600\n"+c.HostKey.Private+c.HostKey.Public {
				t.Errorf("the host keys are %q", got)
			}
			if got := r.run(t, "cat /etc/sudoers.d/90-cloud-init-users"); named.may != "root" && !strings.Contains(got, named.may+" ALL=(ALL) NOPASSWD:ALL") {
				t.Errorf("what sudo lets %s do: %s", named.may, got)
			}

			if other, err := r.dial(t, newKey(t), key, named.may); err == nil || !strings.Contains(err.Error(), "host key mismatch") {
				t.Errorf("another host key was pinned: %v, %v", other, err)
			}
			if other, err := r.dial(t, c.HostKey, newKey(t), named.may); err == nil || !strings.Contains(err.Error(), "unable to authenticate") {
				t.Errorf("another user's key: %v, %v", other, err)
			}
			if client, err := r.dial(t, c.HostKey, key, named.maynot); err == nil {
				if got := run(t, client, "id -un"); !strings.HasPrefix(got, "Please login as the user") {
					t.Errorf("%s may log in, too: %s", named.maynot, got)
				}
			}
			if methods := r.methods(t, c.HostKey); strings.Contains(methods, "password") {
				t.Errorf("sshd offers %s", methods)
			}
		})
	}
}

// dial logs in at a sshd that is started in the room for this one connection, as inetd would.
func (r *room) dial(t *testing.T, host, user HostKey, name string) (*ssh.Client, error) {
	t.Helper()
	signer, err := ssh.ParsePrivateKey([]byte(user.Private))
	if err != nil {
		t.Fatal(err)
	}
	return r.handshake(t, host, name, ssh.PublicKeys(signer))
}

// methods are those that sshd names when all fail.
func (r *room) methods(t *testing.T, host HostKey) string {
	t.Helper()
	var tried []string
	_, err := r.handshake(t, host, "root",
		ssh.PasswordCallback(func() (string, error) { tried = append(tried, "password"); return "", nil }),
		ssh.KeyboardInteractive(func(string, string, []string, []bool) ([]string, error) {
			tried = append(tried, "keyboard-interactive by password")
			return nil, errors.New("nobody there")
		}))
	if err == nil {
		t.Error("logged in without a key")
	}
	return strings.Join(tried, ", ")
}

func (r *room) handshake(t *testing.T, host HostKey, name string, methods ...ssh.AuthMethod) (*ssh.Client, error) {
	t.Helper()
	pinned, _, _, _, err := ssh.ParseAuthorizedKey([]byte(host.Public))
	if err != nil {
		t.Fatal(err)
	}
	conn, channels, requests, err := ssh.NewClientConn(r.sshd(t), "room", &ssh.ClientConfig{
		User: name, Auth: methods, HostKeyCallback: ssh.FixedHostKey(pinned),
	})
	if err != nil {
		return nil, err
	}
	client := ssh.NewClient(conn, channels, requests)
	t.Cleanup(func() { client.Close() })
	return client, nil
}

// sshd starts OpenSSH's server in the room and returns our end of a connection to it.
func (r *room) sshd(t *testing.T) net.Conn {
	t.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	defer ours.Close()
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		t.Fatal(err)
	}
	cmd := r.command(t, "/usr/sbin/sshd", "-i", "-e")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, r.out
	cmd.WaitDelay = 100 * time.Millisecond // what a session leaves behind holds on to Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		cmd.Wait()
	})
	return conn
}

// run returns the first line that a command prints on the far side. It does not wait for its end:
// what root is told instead of a shell stays for ten seconds.
func run(t *testing.T, client *ssh.Client, command string) string {
	t.Helper()
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	out, err := session.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Start(command); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Errorf("%s: %q, %v", command, line, err)
	}
	return strings.TrimSpace(line)
}
