package lab

import (
	"bufio"
	"embed"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

//go:embed sqs/package.json sqs/package-lock.json sqs/server.mjs
var sqsFiles embed.FS

// SQS starts an SQS that nobody here wrote, npm's local-aws-sqs, until the end of the test, and
// returns its URL. It knows the 60 seconds during which the name of a deleted queue is refused.
// Node and npm must be there, and npm's registry or its cache.
func SQS(t testing.TB) string {
	t.Helper()
	dir, err := installSQS()
	must(t, err)
	port := strconv.Itoa(freePort(t))
	cmd := exec.Command("node", "server.mjs", port)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the SQS server says %q: %v", line, err)
	}
	return "http://127.0.0.1:" + port
}

// installSQS brings the server's packages, the locked versions, once for a process. They stay in
// the user's cache, for the next.
var installSQS = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "gofab-lab")
	dir := filepath.Join(cache, "sqs-2.0.2")
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	temp, err := os.MkdirTemp(cache, "install-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	for _, name := range []string{"package.json", "package-lock.json", "server.mjs"} {
		text, err := sqsFiles.ReadFile("sqs/" + name)
		if err == nil {
			err = os.WriteFile(filepath.Join(temp, name), text, 0o644)
		}
		if err != nil {
			return "", err
		}
	}
	install := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = temp
	if out, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci, for an SQS to test against: %w\n%s", err, out)
	}
	// Whole or not at all; another process may have been faster.
	if err := os.Rename(temp, dir); err != nil {
		if _, there := os.Stat(dir); there != nil {
			return "", err
		}
	}
	return dir, nil
})

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
