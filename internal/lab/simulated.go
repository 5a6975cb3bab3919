package lab

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/cloud"
)

// Simulated are hosts that cost nothing but their SSH: no process is started. A command that
// mentions sleep says "ready" and lasts until its standard input ends, and then says what the
// supervisor says when it has ended everything; every other succeeds at once.
type Simulated struct {
	hostKey  string // public, in authorized_keys form
	keyFile  string // of the user
	listener net.Listener
	config   *ssh.ServerConfig
	work     sync.WaitGroup
}

// Simulate serves hosts on one address of this process until the end of the test.
func Simulate(t testing.TB) *Simulated {
	t.Helper()
	s, err := NewSimulated(t.TempDir())
	must(t, err)
	t.Cleanup(s.Close)
	return s
}

// NewSimulated is Simulate for a process of its own. Its keys are written to dir.
func NewSimulated(dir string) (*Simulated, error) {
	s := &Simulated{keyFile: filepath.Join(dir, "key")}
	if _, err := writeKey(s.keyFile); err != nil {
		return nil, err
	}
	host, err := writeKey(filepath.Join(dir, "host_key"))
	if err != nil {
		return nil, err
	}
	s.hostKey = string(ssh.MarshalAuthorizedKey(host.PublicKey()))
	s.config = &ssh.ServerConfig{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, nil }}
	s.config.AddHostKey(host)
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	s.work.Go(s.accept)
	return s, nil
}

// Close waits for the connections to end.
func (s *Simulated) Close() {
	s.listener.Close()
	s.work.Wait()
}

// Machines are n hosts, all of which are this one.
func (s *Simulated) Machines(n int) []cloud.Machine {
	machines := make([]cloud.Machine, n)
	for i := range machines {
		machines[i] = cloud.Machine{
			ID: strconv.Itoa(i), Name: fmt.Sprintf("host%d", i), Address: "127.0.0.1",
			Port: s.listener.Addr().(*net.TCPAddr).Port, User: User, HostKey: s.hostKey, Login: cloud.Login{KeyFile: s.keyFile},
		}
	}
	return machines
}

func (s *Simulated) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.work.Go(func() { s.serve(conn) })
	}
}

func (s *Simulated) serve(conn net.Conn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	_, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return
	}
	conn.SetDeadline(time.Time{})
	s.work.Go(func() { ssh.DiscardRequests(requests) })
	for c := range channels {
		channel, requests, err := c.Accept()
		if err != nil {
			return
		}
		s.work.Go(func() { session(channel, requests) })
	}
}

// session serves the one command that a channel is for.
func session(channel ssh.Channel, requests <-chan *ssh.Request) {
	defer channel.Close()
	for r := range requests {
		r.Reply(r.Type == "exec", nil)
		if r.Type != "exec" {
			continue
		}
		if line := string(r.Payload); strings.Contains(line, "sleep 1000") {
			fmt.Fprintln(channel, "ready")
			io.Copy(io.Discard, channel)
			fmt.Fprintf(channel.Stderr(), "%s 143\n", taskID.FindStringSubmatch(line)[1])
		}
		channel.SendRequest("exit-status", false, []byte{0, 0, 0, 0})
		return
	}
}

// taskID finds the id in what gofab sends.
var taskID = regexp.MustCompile(`'([A-Z2-7]{26})'`)

const simulationDir = "GOFAB_LAB_SIMULATION"

// SimulateElsewhere has another process simulate hosts until the end of the test: this program, started
// again, whose TestMain asks IsSimulation. So its limits, memory and time are not ours. The machine
// stands for any number of hosts.
func SimulateElsewhere(t testing.TB) cloud.Machine {
	t.Helper()
	return Elsewhere(t, simulationDir+"="+t.TempDir())
}

// Elsewhere starts this program again, as a host until the end of the test. Its TestMain finds what it
// is to be in the environment, says where it serves (a cloud.Machine in JSON) and lives as long as its
// standard input. It works in a directory of its own.
func Elsewhere(t testing.TB, environment string) cloud.Machine {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), environment)
	cmd.Dir, cmd.Stderr = t.TempDir(), os.Stderr
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	var m cloud.Machine
	must(t, json.NewDecoder(stdout).Decode(&m))
	return m
}

// IsSimulation is true, after a while, in the process that SimulateElsewhere has started. That has
// nothing else to do.
func IsSimulation() bool {
	dir := os.Getenv(simulationDir)
	if dir == "" {
		return false
	}
	s, err := NewSimulated(dir)
	if err != nil {
		panic(err)
	}
	json.NewEncoder(os.Stdout).Encode(s.Machines(1)[0])
	io.Copy(io.Discard, os.Stdin)
	return true
}
