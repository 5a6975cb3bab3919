package cloudtest

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/cloud"
)

func (c Config) testSSH(t *testing.T) {
	p := c.New(t)
	run := c.run(t, p)
	launch(t, p, c.spec(t, run, 3))
	for _, m := range addressed(t, p, run) {
		client := Dial(t, m, c.signer(t))
		session, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if out, err := session.Output("echo hello; exit 0"); err != nil || strings.TrimSpace(string(out)) != "hello" {
			t.Errorf("%s says %q, %v", m.Name, out, err)
		}
		if err := client.Close(); err != nil {
			t.Errorf("%s: close: %v", m.Name, err)
		}
	}
}

// addressed waits until the provider knows the addresses of all of the run's machines.
func addressed(t *testing.T, p cloud.Provider, run string) []cloud.Machine {
	t.Helper()
	var machines []cloud.Machine
	eventually(t, "machines have addresses", func() bool {
		machines = list(t, p, run)
		return !slices.ContainsFunc(machines, func(m cloud.Machine) bool { return m.Address == "" })
	})
	return machines
}

// Dial connects to a machine, with its pinned host key and no other when there is one. It tries
// until the machine answers, for a minute.
func Dial(t *testing.T, m cloud.Machine, signer ssh.Signer) *ssh.Client {
	t.Helper()
	config := &ssh.ClientConfig{
		User:            m.User,
		Auth:            []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), // a machine that we did not make, with no key of its own in the test
		Timeout:         10 * time.Second,
	}
	if m.HostKey != "" {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(m.HostKey))
		if err != nil {
			t.Fatalf("%s: host key: %v", m.Name, err)
		}
		config.HostKeyCallback = ssh.FixedHostKey(key)
		config.HostKeyAlgorithms = []string{key.Type()}
	}
	var client *ssh.Client
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		client, err = ssh.Dial("tcp", net.JoinHostPort(m.Address, strconv.Itoa(m.Port)), config)
		if err == nil {
			t.Cleanup(func() { client.Close() })
			return client
		}
	}
	t.Fatalf("%s does not answer: %v", m.Name, err)
	return nil
}
