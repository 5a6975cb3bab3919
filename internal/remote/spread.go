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
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/runner"
)

//go:embed serve.sh
var serveSource string

//go:embed fetch.sh
var fetchSource string

//go:embed givekey.sh
var giveKeySource string

var serve, fetch, giveKey = bare(serveSource), bare(fetchSource), bare(giveKeySource)

const (
	// keyLife is after when sshd itself refuses a key. Its clock is read as the host's local time,
	// which we do not know, so the hour is up to half a day off either way.
	keyLife = 24 * time.Hour

	// keyGrace is the time that a host has to remove a key.
	keyGrace = 6 * time.Second

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
	says := &lineOf{begin: mark + " ", do: func(where string) { ready(c.source(where)) }}
	expiry := time.Now().Add(keyLife).UTC().Format("200601021504")
	cmd := runner.Command{Text: positional(serve, to, file.Name, strings.TrimSpace(file.Public), mark, expiry), Grace: keyGrace}
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

// Fetch is part of runner.Peer. The private key is on the host only while the script runs that
// removes it, which the supervisor sees to.
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
	args := []string{
		to, file.Name, id, fmt.Sprintf("%o", file.Mode), fmt.Sprint(file.Size), file.Sum, from.User, from.HostKey,
		strings.Join(algorithms(key), ","),
	}
	for _, a := range from.Addresses {
		args = append(args, a.Host, a.Port)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	says := &lineOf{begin: id, do: func(string) {
		if err := c.giveKey(ctx, args[:3], file.Private); err != nil {
			stop(err)
		}
	}}
	err = c.run(ctx, runner.Command{Text: positional(fetch, args...), Grace: keyGrace}, says)
	if err != nil {
		return runner.Copied{}, cmp.Or(context.Cause(ctx), err)
	}
	return runner.Copied{Files: 1, Bytes: file.Size}, nil
}

// giveKey brings a private key to the script that asks for it.
func (c *conn) giveKey(ctx context.Context, place []string, private string) error {
	answer, err := c.send(ctx, giveKey, append(slices.Clone(place), fmt.Sprint(len(private))), func(w io.Writer) error {
		_, err := io.WriteString(w, private)
		return err
	})
	var local *localError
	switch {
	case errors.As(err, &local):
		return local.error
	case errors.Is(err, errNoStream) || err == nil && !strings.HasSuffix(answer, place[2]+"\n"):
		return errors.New("it did not take the key to fetch the file with")
	}
	return err
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

// lineOf hands on what follows in the first line that begins so. There may be others before it, of
// a login shell that greets.
type lineOf struct {
	begin string
	mu    sync.Mutex
	text  []byte
	do    func(string)
}

func (l *lineOf) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.do == nil {
		return len(b), nil
	}
	l.text = append(l.text, b...)
	for {
		line, rest, ended := strings.Cut(string(l.text), "\n")
		if !ended {
			break
		}
		l.text = []byte(rest)
		if said, found := strings.CutPrefix(line, l.begin); found {
			do := l.do
			l.do, l.text = nil, nil
			do(said)
			return len(b), nil
		}
	}
	if len(l.text) > 4<<10 {
		l.text = nil
	}
	return len(b), nil
}
