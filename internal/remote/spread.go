package remote

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"path"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/runner"
)

//go:embed serve.sh
var serveSource string

//go:embed prepare.sh
var prepareSource string

//go:embed fetch.sh
var fetchSource string

var serve, prepare, fetch = bare(serveSource), bare(prepareSource), bare(fetchSource)

const (
	// keyLife is after when sshd itself refuses a key. Its clock is read as the host's local time,
	// which we do not know, so the hour is up to half a day off either way.
	keyLife = 24 * time.Hour

	// serveGrace is the time that a host has to take a key back.
	serveGrace = 6 * time.Second

	// sureLimit is the time to find out that it has.
	sureLimit = 30 * time.Second
)

// Serve is part of runner.Peer. The key is a line in the host's authorized_keys that can do
// nothing but read the one file. The supervisor has it removed, whatever becomes of us.
func (c *conn) Serve(ctx context.Context, file runner.Shared, dest string, ready func(runner.Source)) error {
	to, err := shellPath(file.Name, dest)
	if err != nil {
		return err
	}
	mark := "gofab-" + rand.Text()
	says := &firstLine{do: func(line string) {
		if where, found := strings.CutPrefix(line, mark+" "); found {
			ready(c.source(where))
		}
	}}
	expiry := time.Now().Add(keyLife).UTC().Format("200601021504")
	cmd := runner.Command{Text: positional(serve, to, file.Name, strings.TrimSpace(file.Public), mark, expiry), Grace: serveGrace}
	err = c.run(ctx, cmd, says)
	var gone *runner.UnreachableError
	if errors.As(err, &gone) {
		return err
	}
	// It is asked again, because a busy host may have been too slow for the supervisor.
	sure, cancel := context.WithTimeout(context.WithoutCancel(ctx), sureLimit)
	defer cancel()
	left := c.run(sure, runner.Command{Text: positional(serve, "", "", "", mark, "")}, io.Discard)
	if left != nil {
		left = fmt.Errorf("take the key out of ~/.ssh/authorized_keys (%s): %w", mark, left)
	}
	if err != nil && context.Cause(ctx) == err {
		err = nil
	}
	return errors.Join(err, left)
}

// source is this host as others see it: at the address that the connection has arrived at, which
// in a cloud is the one inside of its network, or else at the one that we use.
func (c *conn) source(where string) runner.Source {
	host, port, _ := net.SplitHostPort(c.addr)
	s := runner.Source{User: c.client.User(), HostKey: string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(c.heard.hostKey())))}
	if inside := strings.Fields(where); len(inside) == 2 && net.ParseIP(inside[0]) != nil {
		s.Addresses = append(s.Addresses, runner.Address{Host: inside[0], Port: inside[1]})
	}
	if known := (runner.Address{Host: host, Port: port}); len(s.Addresses) == 0 || s.Addresses[0] != known {
		s.Addresses = append(s.Addresses, known)
	}
	return s
}

// Fetch is part of runner.Peer.
func (c *conn) Fetch(ctx context.Context, file runner.Shared, from runner.Source, dest string) (runner.Copied, error) {
	to, err := shellPath(file.Name, dest)
	if err != nil {
		return runner.Copied{}, err
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(from.HostKey))
	if err != nil {
		return runner.Copied{}, fmt.Errorf("the host key of %s: %w", from.Addresses[0].Host, err)
	}
	id := rand.Text()
	answer, err := c.send(ctx, prepare, []string{to, file.Name, id}, func(w io.Writer) error {
		_, err := io.WriteString(w, file.Private)
		return err
	})
	place := strings.Split(answer, "\n")
	switch {
	case errors.Is(err, errNoStream) || err == nil && (len(place) != 4 || place[0] != id):
		return runner.Copied{}, errors.New("it has no ssh or no program for checksums, or the file has no place there")
	case err != nil:
		return runner.Copied{}, err
	}
	args := []string{
		place[1], place[2], fmt.Sprintf("%o", file.Mode), fmt.Sprint(file.Size), file.Sum, from.User, from.HostKey,
		strings.Join(algorithms(key), ","),
	}
	for _, a := range from.Addresses {
		args = append(args, a.Host, a.Port)
	}
	err = c.run(ctx, runner.Command{Text: positional(fetch, args...)}, io.Discard)
	if err != nil {
		return runner.Copied{}, cmp.Or(context.Cause(ctx), err)
	}
	return runner.Copied{Files: 1, Bytes: file.Size}, nil
}

// positional is a script with its arguments, as one text.
func positional(script string, args ...string) string {
	var text strings.Builder
	text.WriteString("set --")
	for _, a := range args {
		text.WriteString(" " + Quote(a))
	}
	return text.String() + "\n" + script
}

// shellPath is the destination of a file called name as a script takes it.
func shellPath(name, dest string) (string, error) {
	to, err := remotePath(dest)
	if err != nil {
		return "", err
	}
	if strings.HasSuffix(dest, "/") {
		to = path.Join(to, name)
	}
	return forScript(to), nil
}

// firstLine hands on the first line that is written.
type firstLine struct {
	mu   sync.Mutex
	text []byte
	do   func(string)
}

func (f *firstLine) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.do == nil {
		return len(b), nil
	}
	f.text = append(f.text, b...)
	if line, _, ended := bytes.Cut(f.text, []byte("\n")); ended || len(f.text) > 4<<10 {
		do := f.do
		f.do, f.text = nil, nil
		do(string(line))
	}
	return len(b), nil
}
