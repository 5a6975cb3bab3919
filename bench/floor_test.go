//go:build peers

package bench

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/errgroup"
)

// floor is the least that a client in Go can do: log in to all hosts, 64 at a time, and run the commands one after the other on the same
// connection, without supervision, output, playbook or record. It is a process of its own: the file of hosts, the key, the commands.
func floor() {
	if err := runFloor(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func runFloor(hosts, keyFile string, commands []string) error {
	text, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return err
	}
	hostKey, _, _, _, err := ssh.ParseAuthorizedKey([]byte(os.Getenv("GOFAB_BENCH_FLOOR")))
	if err != nil {
		return err
	}
	if text, err = os.ReadFile(hosts); err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	clients := make([]*ssh.Client, len(lines))
	err = all(len(lines), func(i int) error {
		f := strings.Fields(lines[i])
		clients[i], err = ssh.Dial("tcp", net.JoinHostPort(f[1], f[2]), &ssh.ClientConfig{
			User: f[0], Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyAlgorithms: []string{hostKey.Type()}, HostKeyCallback: ssh.FixedHostKey(hostKey),
		})
		return err
	})
	for _, c := range commands {
		if err != nil {
			return err
		}
		err = all(len(lines), func(i int) error {
			s, err := clients[i].NewSession()
			if err != nil {
				return err
			}
			defer s.Close()
			return s.Run(c)
		})
	}
	return err
}

func all(n int, do func(i int) error) error {
	g, _ := errgroup.WithContext(context.Background())
	g.SetLimit(64)
	for i := range n {
		g.Go(func() error { return do(i) })
	}
	return g.Wait()
}
