package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is one that has a directory's name in its environment. Machines and all that runs on
// them have that of the run's state, whatever else they may have lost.
type process struct {
	pid  int
	args string
}

func (p process) String() string { return fmt.Sprintf("process %d (%s)", p.pid, p.args) }
func (p process) kill()          { syscall.Kill(p.pid, syscall.SIGKILL) }

// processesOf finds the living processes that know of dir.
func processesOf(dir string) []process {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	var found []process
	for _, file := range files {
		env, err := os.ReadFile(file)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil || pid == os.Getpid() || !bytes.Contains(env, []byte(dir+"/")) {
			continue
		}
		args, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		found = append(found, process{pid, strings.TrimSpace(string(bytes.ReplaceAll(args, []byte{0}, []byte{' '})))})
	}
	return found
}

// leftOf lists what runs with their state under dir have left behind: processes and queues. A
// process that is just ending has a moment.
func leftOf(dir string) []string {
	var left []string
	for range 20 {
		left = nil
		for _, p := range processesOf(dir) {
			left = append(left, p.String())
		}
		if left == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "queue" && filepath.Base(filepath.Dir(filepath.Dir(name))) == "runs" {
			left = append(left, name)
		}
		return nil
	})
	return left
}
