package sshd

import (
	"bytes"
	"crypto/ed25519"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// OpenSSH's own programs find nothing unusual.
func TestOpenSSHClient(t *testing.T) {
	for _, program := range []string{"ssh", "scp"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%v: make deps installs openssh-client", err)
		}
	}
	l := start(t)
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, _ := ssh.NewSignerFromKey(private)
	l.server.Authorized = append(l.server.Authorized, signer.PublicKey())
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.addr)
	options := []string{
		"-F", "/dev/null", "-o", "Port=" + port, "-i", key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
		"-o", "StrictHostKeyChecking=accept-new", "-o", "UserKnownHostsFile=" + filepath.Join(dir, "known_hosts"),
	}
	run := func(program, stdin string, args ...string) string {
		cmd := exec.Command(program, append(options, args...)...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.Output()
		status := "ok"
		if err != nil {
			status = err.Error()
		}
		return string(out) + status
	}
	if got := run("ssh", "some input", "me@127.0.0.1", "tr a-z A-Z; exit 7"); got != "SOME INPUTexit status 7" {
		t.Errorf("ssh: %q", got)
	}
	if got := run("ssh", "echo shell\n", "-T", "me@127.0.0.1"); got != "shell\nok" {
		t.Errorf("ssh without a command: %q", got)
	}
	data := bytes.Repeat([]byte("x\n"), 1<<20)
	from := filepath.Join(dir, "a file")
	if err := os.WriteFile(from, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := run("scp", "", "-s", from, "me@127.0.0.1:copy"); got != "ok" {
		t.Errorf("scp: %q", got)
	}
	if got, err := os.ReadFile(filepath.Join(l.server.Home, "copy")); err != nil || !bytes.Equal(got, data) {
		t.Errorf("scp: %d bytes arrived, %v", len(got), err)
	}
}
