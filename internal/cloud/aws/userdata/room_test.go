//go:build linux && sshd

package userdata

import (
	_ "embed"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/lab"
)

//go:embed testdata/room.sh
var roomScript string

// room is a throw-away copy of this computer with a seed of user data for cloud-init: its own
// files, processes, network and name. It ends with the test, by whatever way the test ends.
type room struct {
	cmd  *exec.Cmd
	out  *lab.Buffer
	over chan struct{} // closed when cmd has ended
}

// enter runs script as the first process of a room. When it is through, the room is at an end.
func enter(t *testing.T, userData, script string) *room {
	t.Helper()
	r := &room{out: &lab.Buffer{}, over: make(chan struct{})}
	r.cmd = exec.Command("/bin/sh", "-c", roomScript, "room.sh", t.TempDir(), script)
	r.cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOST=" + namespaces(t), "USER_DATA=" + userData}
	r.cmd.Stdout, r.cmd.Stderr = r.out, r.out
	r.cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
	}
	life, err := r.cmd.StdinPipe() // a script that waits for its end cannot outlive us
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.over)
		r.cmd.Wait() // how it ended is asked of ProcessState
	}()
	t.Cleanup(func() {
		life.Close()
		r.cmd.Process.Kill() // and so, by the kernel, everything in the room
		<-r.over
		if t.Failed() {
			t.Logf("the room said:\n%s", r.out)
		}
	})
	return r
}

// poweredOff waits for the room's end and says whether it was a power-off: the kernel then ends the
// first process of a pid namespace with SIGINT (reboot(2)), which nobody else sends here.
func (r *room) poweredOff(t *testing.T) bool {
	t.Helper()
	select {
	case <-r.over:
	case <-time.After(100 * time.Second): // before the sleeping process makes up for a timer that failed
		t.Fatal("the room goes on and on")
	}
	status, ok := r.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGINT
}

// says waits until the room has said text.
func (r *room) says(t *testing.T, text string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(3 * time.Minute)
	for !strings.Contains(r.out.String(), text) {
		select {
		case <-tick.C:
		case <-r.over:
			t.Fatalf("the room ended with %v and never said %q", r.cmd.ProcessState, text)
		case <-late:
			t.Fatalf("the room never said %q", text)
		}
	}
}

// namespaces are our own, which are not those of a room.
func namespaces(t *testing.T) string {
	t.Helper()
	var all []string
	for _, kind := range []string{"pid", "mnt", "net", "uts", "ipc"} {
		name, err := os.Readlink("/proc/self/ns/" + kind)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, name)
	}
	return strings.Join(all, " ")
}

// command is one more process in the room. If the room has ended and its process id has gone to
// somebody else, it does nothing.
func (r *room) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("nsenter", append([]string{
		"--all", "--root", "--wd", "--target", strconv.Itoa(r.cmd.Process.Pid),
		"/bin/sh", "-euc", `case $HOST in *"$(readlink /proc/self/ns/pid)"*) exit 70 ;; esac; exec "$@"`, "room",
	}, args...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOST=" + namespaces(t)}
	return cmd
}

// run returns what a shell script prints in the room, without blanks around it.
func (r *room) run(t *testing.T, script string) string {
	t.Helper()
	cmd := r.command(t, "/bin/sh", "-euc", script)
	cmd.Stderr = r.out
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%s: %v", script, err)
	}
	return strings.TrimSpace(string(out))
}

// What happens in a room stays there, and without one the script does nothing.
func TestRoomIsApart(t *testing.T) {
	t.Parallel()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	mark := "/etc/" + strings.ReplaceAll(t.Name(), "/", "-")
	r := enter(t, "", "echo x >"+mark+"; hostname elsewhere; cat "+mark+"; hostname; ls /proc; exec cat")
	r.says(t, "x\nelsewhere\n1\n")
	if _, err := os.Stat(mark); !os.IsNotExist(err) {
		t.Errorf("%s is outside, too: %v", mark, err)
	}
	if now, err := os.Hostname(); now != name {
		t.Errorf("this computer is called %s now, and not %s: %v", now, name, err)
	}
	cmd := exec.Command("/bin/sh", "-c", roomScript, "room.sh", t.TempDir(), "echo it runs")
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOST=" + namespaces(t), "USER_DATA="}
	if out, err := cmd.CombinedOutput(); err == nil || string(out) != "room.sh: this is the computer itself\n" {
		t.Errorf("outside of a room: %v: %s", err, out)
	}
}
