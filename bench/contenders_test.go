//go:build peers

package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// contender is one way to run the commands on all hosts. In its text, capitals in braces stand for what the arena knows.
type contender struct {
	name  string
	needs string // a program; empty: only ourselves
	text  string
}

// Everybody has their best configuration that is known to us: connections are reused where the tool can, Ansible pipelines and gathers no
// facts, and ssh does without the slow key exchange that it would try first.
var contenders = []contender{
	{"gofab", "", "exec {GOFAB} play {DIR}/play.yaml -q -i {DIR}/inventory"},
	{"floor", "", "GOFAB_BENCH_FLOOR={HOSTKEY} exec {SELF} {DIR}/plain {KEY} {COMMANDS}"},
	{"xargs-ssh", "ssh", `for c in {COMMANDS}; do xargs -P {SOME} -I@ ssh -F {DIR}/config ` + mux + ` @ "$c" <{DIR}/names; done`},
	{"clush", "clush", `for c in {COMMANDS}; do clush --hostfile {DIR}/names -f {SOME} -o '-F {DIR}/config ` + mux + `' "$c"; done`},
	{"pssh", "parallel-ssh", `for c in {COMMANDS}; do parallel-ssh -h {DIR}/names -p {SOME} -t 0 -x '-F {DIR}/config ` + mux + `' "$c"; done`},
	{"fabric", "fab", "/usr/bin/python3 {DIR}/peers.py {DIR}/plain {KEY} {COMMANDS}"},
	{"ansible", "ansible-playbook", "ANSIBLE_PIPELINING=1 ANSIBLE_FORKS={FORKS} ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3 ANSIBLE_SSH_CONTROL_PATH_DIR={DIR}/cp " +
		"ANSIBLE_SSH_COMMON_ARGS='-F {DIR}/config' exec ansible-playbook -i {DIR}/ansible {DIR}/book.yaml"},
}

// mux has ssh keep a connection for the next command, which only pays when there is one.
const mux = "{MUX}"

const fabricScript = `import os, sys
from fabric import Config, Connection, ThreadingGroup
hosts, key, commands = sys.argv[1], sys.argv[2], sys.argv[3:]
config = Config(overrides={"load_ssh_configs": False})
def connection(line):
    user, address, port = line.split()
    return Connection(address, user=user, port=int(port), config=config,
                      connect_kwargs={"key_filename": key, "look_for_keys": False, "allow_agent": False})
group = ThreadingGroup.from_connections([connection(line) for line in open(hosts)])
for command in commands:
    group.run(command, hide=True, in_stream=False)
os._exit(0)
`

// measure runs a contender to its end, with all that it leaves behind.
func (a *arena) measure(c contender) (took, error) {
	text := strings.ReplaceAll(c.text, "{MUX}", map[bool]string{
		true:  "-oControlMaster=auto -oControlPersist=60 -oControlPath={DIR}/cp/%C",
		false: "",
	}[strings.Contains(a.values["COMMANDS"], " '")])
	if c.name == "clush" {
		text = strings.ReplaceAll(text, "%C", "%%C")
	}
	for name, value := range a.values {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	control := filepath.Join(a.dir, "cp")
	os.RemoveAll(control)
	if err := os.Mkdir(control, 0o700); err != nil {
		return took{}, err
	}
	cmd := exec.Command(a.self)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + a.dir, "LC_ALL=C.UTF-8", "TERM=dumb", "XDG_STATE_HOME=" + filepath.Join(a.dir, "state"),
		aloneEnv + "=" + text,
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return took{}, err
	}
	var one took
	if err := json.Unmarshal(out, &one); err != nil {
		return took{}, err
	}
	if one.Failure != "" {
		return took{}, errors.New(one.Failure)
	}
	return one, nil
}

// aloneEnv holds what a process of its own is to run and to measure. What a contender leaves behind, such as ssh's masters, becomes the
// child of that process, and so its time is counted; what the servers leave does not.
const aloneEnv = "GOFAB_BENCH_ALONE"

func alone() {
	text := os.Getenv(aloneEnv)
	os.Unsetenv(aloneEnv)
	one, err := runAlone(text)
	if err != nil {
		one.Failure = err.Error()
	}
	json.NewEncoder(os.Stdout).Encode(one)
}

func runAlone(text string) (one took, err error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return one, err
	}
	said, err := os.CreateTemp("", "peers-said-")
	if err != nil {
		return one, err
	}
	defer os.Remove(said.Name())
	cmd := exec.Command("sh", "-c", text)
	cmd.Stderr = said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return one, err
	}
	stop := time.AfterFunc(limit, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	state, err := cmd.Process.Wait()
	one.Wall = time.Since(began)
	stop.Stop()
	if err != nil {
		return one, err
	}
	one.Memory = state.SysUsage().(*syscall.Rusage).Maxrss
	one.CPU = state.UserTime() + state.SystemTime() + endLeft()
	if !state.Success() {
		text, _ := os.ReadFile(said.Name())
		return one, fmt.Errorf("%v: %s", state, strings.TrimSpace(string(text[max(0, len(text)-300):])))
	}
	return one, nil
}

// endLeft ends what a contender has left and gives the time that it took.
func endLeft() (cpu time.Duration) {
	for {
		left := ourChildren()
		if len(left) == 0 {
			return cpu
		}
		for pid := range left {
			syscall.Kill(pid, syscall.SIGTERM)
			var usage syscall.Rusage
			if got, err := syscall.Wait4(pid, nil, 0, &usage); err == nil && got == pid {
				cpu += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
			}
		}
	}
}

func ourChildren() map[int]bool {
	children := map[int]bool{}
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		for _, word := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil {
				children[pid] = true
			}
		}
	}
	return children
}
