package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/runner"
)

// handshakeError is a login that failed after the TCP connection was made.
type handshakeError struct {
	error
	heard string // what the other side said first; empty: not a word
}

func (e *handshakeError) Unwrap() error { return e.error }

// speaksSSH tells whether the other side could be an SSH server. One that sheds load sends a line
// of text instead of its version.
func (e *handshakeError) speaksSSH() bool {
	return strings.HasPrefix(e.heard, "SSH-") || strings.Contains(e.heard, "\nSSH-") || strings.Contains(e.heard, "MaxStartups")
}

// explain makes an *UnreachableError, with what to do, of whatever kept us out.
func (d *Dialer) explain(ctx context.Context, m cloud.Machine, addr string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	out := &runner.UnreachableError{}
	what := strings.TrimPrefix(plain(err).Error(), "ssh: handshake failed: ")
	var keyErr *hostKeyError
	var dns *net.DNSError
	var hand *handshakeError
	errors.As(err, &hand)
	if full := noFiles(err); full != nil {
		out.Err = fmt.Errorf("connect to %s: this computer opens no more connections: %w", addr, full)
		out.Final = true // until the play ends, which may be long after a machine's time to boot
		return out
	}
	switch {
	case errors.As(err, &keyErr):
		what, out.Remedy, out.Final = keyErr.what, keyErr.remedy, true
	case isAuthFailure(err):
		out.Err = fmt.Errorf("log in to %s as %s: %w", addr, m.User, errPermission)
		out.Remedy = "check the user name, and that one of your keys is in the host's authorized_keys (tried: " + d.auth.tried(d, m) + ")"
		out.Final = true
		return out
	case errors.As(err, &dns) && dns.IsNotFound:
		what, out.Remedy = "no such host name", "check the name in the inventory"
	case errors.As(err, &dns):
		what, out.Remedy = "cannot look up the name: "+dns.Err, "does name resolution work here?"
	case errors.Is(err, syscall.ECONNREFUSED):
		what, out.Remedy = "connection refused", "is sshd running there, and on this port?"
	case hand == nil && isTimeout(err):
		what = fmt.Sprintf("no answer within %v", d.ConnectTimeout)
		out.Remedy = "is the address right, is the host up, does a firewall let you in?"
	case isTimeout(err) && hand.heard == "":
		what = fmt.Sprintf("it accepts the connection but said nothing for %v", d.ConnectTimeout)
		out.Remedy = "is it still booting, or is something other than sshd on this port?"
	case hand != nil && hand.heard != "" && !hand.speaksSSH():
		what = fmt.Sprintf("it does not speak SSH: it says %.60q", hand.heard)
		out.Remedy = "is sshd on another port?"
	case isTimeout(err):
		what = fmt.Sprintf("the login was not complete after %v", d.ConnectTimeout)
		out.Remedy = "is the host overloaded, or the network?"
	case errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE):
		what = "the host closed the connection before the login"
		out.Remedy = "a busy sshd does this (MaxStartups), and so does one that bans addresses"
		out.Again = true
	}
	out.Err = fmt.Errorf("connect to %s: %s", addr, what)
	return out
}

// unread is a file here that a login needs and that cannot be read.
func unread(err error, remedy string) error {
	if noFiles(err) != nil {
		remedy = "" // nothing is wrong with this one
	}
	return &runner.UnreachableError{Err: err, Final: true, Remedy: remedy}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// plain takes away what a network error repeats: the addresses and the name of the system call.
func plain(err error) error {
	var call *os.SyscallError
	var op *net.OpError
	switch {
	case errors.As(err, &call):
		return call.Err
	case errors.As(err, &op):
		return op.Err
	}
	return err
}

var errPermission = errors.New("permission denied")
