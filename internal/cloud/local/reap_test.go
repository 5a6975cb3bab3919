//go:build linux

package local

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gofab/gofab/internal/cloud/cloudtest"
)

// Orphans fall to the machine, which has to await them; the commands that the server awaits
// itself must keep their exit status all the same.
func TestReaping(t *testing.T) {
	p := New(stateDir(t))
	m := launch(t, p, order("r", 1))[0]
	defer terminate(t, p, "r")
	client := cloudtest.Dial(t, m, signer())
	for i := range 60 {
		s, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		code := i%5 + 1
		err = s.Run(fmt.Sprintf("(setsid true &) ; (sleep .0%d &) >/dev/null 2>&1; (exit 9 &) ; exit %d", i%9, code))
		if want := fmt.Sprintf("Process exited with status %d", code); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	machine := p.place("r", 0).pid()
	eventually(t, "no orphan stays a zombie", func() bool {
		stats, _ := os.ReadDir("/proc")
		for _, e := range stats {
			stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
			if err == nil && bytes.Contains(stat, fmt.Appendf(nil, ") Z %d ", machine)) {
				return false
			}
		}
		return true
	})
}

// A transfer that waits in the file system for ever (a FIFO without a writer) delays no shutdown.
func TestAStuckTransferDoesNotKeepAMachine(t *testing.T) {
	p := New(stateDir(t))
	m := launch(t, p, order("r", 1))[0]
	output(t, m, "mkfifo pipe")
	session, err := cloudtest.Dial(t, m, signer()).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	stdin, _ := session.StdinPipe()
	if err := session.RequestSubsystem("sftp"); err != nil {
		t.Fatal(err)
	}
	// SSH_FXP_INIT, then SSH_FXP_OPEN of "pipe" for reading.
	stdin.Write([]byte("\x00\x00\x00\x05\x01\x00\x00\x00\x03"))
	stdin.Write([]byte("\x00\x00\x00\x15\x03\x00\x00\x00\x01\x00\x00\x00\x04pipe\x00\x00\x00\x01\x00\x00\x00\x00"))
	eventually(t, "the session is open", func() bool {
		log, _ := os.ReadFile(p.place("r", 0).syslog())
		return strings.Contains(string(log), "sftp opened")
	})
	terminate(t, p, "r")
}
