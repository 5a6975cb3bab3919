package remote_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/lab"
	"github.com/gofab/gofab/internal/remote"
	"github.com/gofab/gofab/runner"
)

const fewFilesEnv = "GOFAB_TEST_FEW_FILES"

// When no more files can be opened here, a host that cannot be reached is told so, whatever it was
// that failed: it is not the host, nor its name or key. It has been waited a little, since others
// may close theirs, and is not tried for as long as a machine may take to boot.
func TestFewFiles(t *testing.T) {
	t.Parallel()
	m := lab.SimulateElsewhere(t)
	text, err := json.Marshal(m)
	check(t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fewFilesEnv+"=1")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(text), os.Stderr
	out, err := cmd.Output()
	check(t, err)
	addr := fmt.Sprintf("127.0.0.1:%d", m.Port)
	want := strings.NewReplacer("ADDR", addr, "PORT", fmt.Sprint(m.Port)).Replace(`at first: <nil>
no files: connect to ADDR: this computer opens no more connections: too many open files; "", final, in time
no name: connect to host.invalid:PORT: this computer opens no more connections: too many open files; "", final, in time
no key: read key another: too many open files; "", final, in time
no known_hosts: known hosts: open /dev/null: too many open files; "", final, in time
they are closed meanwhile: <nil>
`)
	if string(out) != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

// fewFiles is what TestFewFiles has this program do in a process of its own.
func fewFiles() {
	var m cloud.Machine
	if err := json.NewDecoder(os.Stdin).Decode(&m); err != nil {
		panic(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 64, Max: 64}); err != nil {
		panic(err)
	}
	var dialer remote.Dialer
	named, keyed, unknown := m, m, m
	named.Address = "host.invalid"
	keyed.Login.KeyFile = "another"
	unknown.HostKey, unknown.Login.KnownHosts = "", os.DevNull

	fmt.Println("at first:", dialled(&dialer, m))
	closeAll := openAll()
	machines := []cloud.Machine{m, named, keyed, unknown}
	came := make([]string, len(machines))
	runner.Each(context.Background(), len(machines), 0, func(_ context.Context, i int) { came[i] = dialled(&dialer, machines[i]) })
	for i, what := range []string{"no files", "no name", "no key", "no known_hosts"} {
		fmt.Printf("%s: %s\n", what, came[i])
	}
	time.AfterFunc(300*time.Millisecond, closeAll)
	fmt.Println("they are closed meanwhile:", dialled(&dialer, m))
}

// dialled dials and words what comes of it.
func dialled(d *remote.Dialer, m cloud.Machine) string {
	began := time.Now()
	c, err := d.Dial(context.Background(), m)
	if err == nil {
		c.Close()
	}
	text := fmt.Sprint(err)
	if u, ok := errors.AsType[*runner.UnreachableError](err); ok && errors.Is(err, syscall.EMFILE) {
		text += fmt.Sprintf("; %q", u.Remedy)
		if u.Final && !u.Again {
			text += ", final"
		}
		if took := time.Since(began); time.Second < took && took < 10*time.Second {
			text += ", in time"
		}
	}
	return text
}

// openAll opens as many files as there can be.
func openAll() (closeAll func()) {
	var files []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		files = append(files, f)
	}
	return func() {
		for _, f := range files {
			f.Close()
		}
	}
}
