package remote

import (
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gofab/gofab/runner"
)

// How the two sides of a command keep in touch. The supervisor gives up between 3/4 and 4/4 of
// heartbeatLimit after the last beat that it heard.
const (
	heartbeat      = 2 * time.Second
	heartbeatLimit = 12 * time.Second
	defaultGrace   = time.Second
	confirmWait    = 15 * time.Second // beyond the grace, for the supervisor to say that all has ended

	statusLeft = 99 // the supervisor's: something outlived KILL

	// Linux takes no single argument of 128 KiB or more, and sshd hands the command to the login
	// shell as one.
	maxCommand = 120 << 10
)

//go:embed supervisor.sh
var supervisorSource string

// supervisor is the script as it is sent, with every command: without comments and indentation.
var supervisor = bare(supervisorSource)

var comments = regexp.MustCompile(`(?m)^\s+|^#.*\n`)

// bare is a script without comments and indentation.
func bare(script string) string { return comments.ReplaceAllString(script, "") }

// Exec runs cmd under the supervisor. See runner.Conn for the contract.
func (c *conn) Exec(ctx context.Context, cmd runner.Command, stdout, stderr io.Writer) (int, error) {
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	line := commandLine(cmd)
	if err := possible(line); err != nil {
		return 0, err
	}
	s, err := c.start(line, stdout, stderr)
	if err != nil {
		return 0, c.lost(fmt.Errorf("start a command on %s: %w", c.addr, err))
	}
	defer s.Close()
	stopBeat := beat(s)
	defer stopBeat()

	select {
	case <-s.exited: // whatever becomes of ctx while the rest of the output comes
		<-s.ended
		return s.status, c.lost(s.err)
	case <-ctx.Done():
		stopBeat() // an SSH channel does not take a write and its end at once
		return 0, c.cancel(ctx, s, grace(cmd))
	}
}

// cancel has the supervisor end the command, and waits for it to say so.
func (c *conn) cancel(ctx context.Context, s *session, grace time.Duration) error {
	cause := context.Cause(ctx)
	s.CloseWrite()
	select {
	case <-s.exited:
	case <-time.After(grace + confirmWait):
		return &runner.UnconfirmedError{Err: fmt.Errorf("%s did not answer (%w)", c.addr, cause)}
	}
	if s.err != nil {
		return &runner.UnconfirmedError{Err: c.lost(s.err)}
	}
	if s.status == statusLeft {
		return &runner.UnconfirmedError{Err: fmt.Errorf("some of its processes on %s outlived KILL", c.addr)}
	}
	<-s.ended
	return cause
}

// possible tells whether a command line can be handed to a shell.
func possible(line string) error {
	switch {
	case len(line) > maxCommand:
		return fmt.Errorf("the command is %d KiB long, and hosts take %d: put it there as a file and run that", len(line)>>10, maxCommand>>10)
	case strings.ContainsRune(line, 0):
		return errors.New("the command or its environment holds a NUL byte, which no command can")
	}
	return nil
}

// commandLine is what the login shell gets: any POSIX shell.
func commandLine(cmd runner.Command) string {
	words := supervised(cmd)
	for i := range words {
		words[i] = Quote(words[i])
	}
	return "exec sh " + strings.Join(words, " ")
}

// script is the command with its environment, for sh.
func script(cmd runner.Command) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(cmd.Env)) {
		fmt.Fprintf(&text, "export %s=%s\n", name, Quote(cmd.Env[name]))
	}
	text.WriteString(cmd.Text)
	return text.String()
}

func taskID() string { return rand.Text() }

func grace(cmd runner.Command) time.Duration { return cmp.Or(cmd.Grace, defaultGrace) }

// Quote makes one word of s for a POSIX shell.
func Quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
