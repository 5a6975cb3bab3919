//go:build sshd

package cli_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/lab"
)

// line is a machine as an inventory has it.
func line(m cloud.Machine, name, knownHosts string) string {
	return fmt.Sprintf("%s@%s:%d name=%s key=%s known_hosts=%s\n", m.User, m.Address, m.Port, name, m.Login.KeyFile, knownHosts)
}

var runID = regexp.MustCompile(`(?m)^PLAY \[\S+\] run (\S+)$`)

// nothingRuns proves that no process of the run is left on the hosts, which are all this computer.
func nothingRuns(t *testing.T, stderr string) {
	t.Helper()
	id := runID.FindStringSubmatch(stderr)
	if id == nil {
		t.Fatalf("no run in\n%s", stderr)
	}
	lab.Gone(t, "GOFAB_RUN="+id[1], 3*time.Second)
}

// The main job, on hosts that are OpenSSH's sshd at several addresses.
func TestSearchOnOpenSSH(t *testing.T) {
	home := t.TempDir()
	var inventory, want strings.Builder
	for i, m := range lab.Sshd(t, 4).Machines(lab.User) {
		inventory.WriteString(line(m, m.Name, m.Login.KnownHosts))
		fmt.Fprintf(&want, "Instance%d.log ", i)
	}
	write(t, filepath.Join(home, "hosts"), inventory.String())
	cmd := gofab(t, home, "play", "search.yaml", "-i", "hosts", "-e", "N=4", "-e", "D=2")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, &stderr)
	}
	const golden = "golden nonce 116 hash 00a722b0e1eab12e68928824ce82e5bc7cec6740e6cd0d3ffbe63260badc53fa tried 117 in "
	if !regexp.MustCompile(`(?m)^` + golden + `.* by sshd\d, host \d of 4$`).Match(out) {
		t.Errorf("stdout:\n%s", out)
	}
	var logs strings.Builder
	files, _ := filepath.Glob(filepath.Join(home, "logs", "*"))
	for _, f := range files {
		logs.WriteString(filepath.Base(f) + " ")
	}
	if logs.String() != want.String() {
		t.Errorf("logs %s, want %s", &logs, &want)
	}
	if objects, _ := filepath.Glob(filepath.Join(stateOf(home), "runs/*/bucket/logs/*")); len(objects) != 4 {
		t.Errorf("in the bucket: %v", objects)
	}
	nothingRuns(t, stderr.String())
	endClean(t, home)
}

// Every way in which a host can be lost, in one play: the others finish, and the message of each
// names host, step, place and remedy.
func TestLostHosts(t *testing.T) {
	home := t.TempDir()
	servers := lab.Sshd(t, 4)
	machines := servers.Machines(lab.User)
	mute, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, nobody speaks
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	link := lab.Relay(t, servers.Addr(3))
	link.Delay(50 * time.Millisecond)

	at := func(m cloud.Machine, addr string, port int) cloud.Machine {
		m.Address, m.Port = addr, port
		return m
	}
	known := filepath.Join(home, "known") // of the relay; and a false key for the third server
	impostor := lab.NewKey(t, filepath.Join(home, "other"))
	write(t, known, fmt.Sprintf("[127.0.0.1]:%d %s[%s]:%d %s", link.Port(), servers.HostKey, machines[2].Address, machines[2].Port, impostor))
	write(t, filepath.Join(home, "hosts"), line(machines[0], "good0", servers.KnownHosts)+line(machines[1], "good1", servers.KnownHosts)+
		line(at(machines[0], "127.0.0.1", mute.Addr().(*net.TCPAddr).Port), "mute", known)+
		line(at(machines[0], "127.0.0.1", 1), "refused", known)+
		line(machines[2], "changed", known)+
		line(at(machines[3], "127.0.0.1", link.Port()), "dying", known))
	big := filepath.Join(home, "big")
	write(t, big, "")
	if err := os.Truncate(big, 200<<20); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Base(home) + fmt.Sprint(time.Now().UnixNano()) // in the user's home, which all share
	write(t, filepath.Join(home, "lost.yaml"), `steps:
  - name: copy
    put: {src: big, dest: "`+dir+`/{{ host.name }}/big"}
  - run-parallel: wc -c <`+dir+`/{{ host.name }}/big
  - run-parallel: rm -r `+dir+`/{{ host.name }}
`)
	remote := filepath.Join("/home", lab.User, dir)
	t.Cleanup(func() { os.RemoveAll(remote) })

	cmd := gofab(t, home, "play", "lost.yaml", "-i", "hosts", "-T", "2s")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lab.Eventually(t, 30*time.Second, "the copy to the dying host is under way", func() bool {
		parts, _ := filepath.Glob(filepath.Join(remote, "dying", ".gofab-*"))
		return len(parts) > 0
	})
	link.Close()
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 4 {
		t.Errorf("exit status %d, not 4", code)
	}
	for _, want := range []string{
		`unreachable: \[mute\] copy \(lost.yaml:3:5\): connect to 127.0.0.1:\d+: it accepts the connection but said nothing for 2s\n  is it still booting`,
		`unreachable: \[refused\] copy \(lost.yaml:3:5\): connect to 127.0.0.1:1: connection refused\n  is sshd running there`,
		`unreachable: \[changed\] copy \(lost.yaml:3:5\): connect to \S+: its host key has CHANGED .*\n  if you know that the machine was made anew: ssh-keygen`,
		`unreachable: \[dying\] copy \(lost.yaml:3:5\): .*127.0.0.1:\d+.*\n  \S`,
		`good0 +: ok=3 +changed=3 +unreachable=0 +failed=0 `,
		`good1 +: ok=3 +changed=3 +unreachable=0 +failed=0 `,
		`dying +: ok=0 +changed=0 +unreachable=1 +failed=0 `,
		`lost: hosts unreachable \(exit 4\)`,
	} {
		if !regexp.MustCompile(`(?m)^` + want).MatchString(stderr.String()) {
			t.Errorf("stderr does not say %s", want)
		}
	}
	for _, want := range []string{"[good0] 209715200\n", "[good1] 209715200\n"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("stdout does not say %q:\n%s", want, &stdout)
		}
	}
	if _, err := os.Stat(filepath.Join(remote, "dying", "big")); err == nil {
		t.Error("half a file has the name of a whole one")
	}
	if t.Failed() {
		t.Logf("stderr:\n%s", &stderr)
	}
	nothingRuns(t, stderr.String())
	endClean(t, home)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// without is a PATH on which a program is missing.
func without(t *testing.T, program string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"/usr/bin", "/bin"} {
		files, _ := os.ReadDir(from)
		for _, f := range files {
			if f.Name() != program {
				os.Symlink(filepath.Join(from, f.Name()), filepath.Join(dir, f.Name())) // /bin has most of them again
			}
		}
	}
	return dir
}

// A file goes from host to host, but to one that has no ssh from here, and no host keeps the key
// for that.
func TestSpreadOnOpenSSH(t *testing.T) {
	home, far := t.TempDir(), t.TempDir()
	if err := os.Chmod(filepath.Dir(far), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(far, 0o777); err != nil {
		t.Fatal(err)
	}
	var inventory strings.Builder
	for i, m := range lab.Sshd(t, 6).Machines(lab.User) {
		inventory.WriteString(line(m, fmt.Sprintf("h%d", i), m.Login.KnownHosts))
	}
	poor := lab.Sshd(t, 1, "SetEnv PATH="+without(t, "ssh")).Machines(lab.User)[0]
	inventory.WriteString(line(poor, "poor", poor.Login.KnownHosts))
	write(t, filepath.Join(home, "hosts"), inventory.String())
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<17)
	write(t, filepath.Join(home, "big"), string(data))
	write(t, filepath.Join(home, "spread.yaml"), `
steps:
  - put: {src: big, dest: "`+far+`/{{ host.name }}", mode: "0640", spread: true}
    register: got
  - print: "from {{ got.from }}."
`)
	cmd := gofab(t, home, "play", "spread.yaml", "-i", "hosts")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, &stderr)
	}
	uploads := strings.Count(string(out), "from .\n")
	if told := strings.Contains(stderr.String(), "[poor] it comes from here"); uploads != 1 && (uploads != 2 || !told) || uploads+strings.Count(string(out), "from h")+strings.Count(string(out), "from poor") != 7 {
		t.Errorf("%d uploads\n%s%s", uploads, out, &stderr)
	}
	files, _ := os.ReadDir(far)
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(far, f.Name()))
		info, _ := f.Info()
		if err != nil || !bytes.Equal(text, data) || info.Mode() != 0o640 {
			t.Errorf("%s: %d bytes, %v, %v", f.Name(), len(text), info.Mode(), err)
		}
	}
	if len(files) != 7 {
		t.Errorf("files: %v", files)
	}
	if keys, err := os.ReadFile(filepath.Join("/home", lab.User, ".ssh/authorized_keys")); bytes.Contains(keys, []byte(far)) {
		t.Errorf("keys are left: %s (%v)", keys, err)
	}
	nothingRuns(t, stderr.String())
	endClean(t, home)
}
