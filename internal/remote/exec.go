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
	"strconv"
	"strings"
	"sync"
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

	// Linux takes no single argument of 128 KiB or more, and sshd hands the command to the login
	// shell as one, with a few words before it.
	maxCommand = 120 << 10
)

var (
	//go:embed supervisor.sh
	supervisorSource string
	//go:embed watch.sh
	watchSource string
	//go:embed ending.sh
	endingSource string
)

// scripts are the supervisor's three, as they are sent with every command.
var scripts = sync.OnceValue(func() []string {
	return []string{bare(supervisorSource), bare(watchSource), bare(endingSource)}
})

// quotedScripts are the words of a shell for them.
var quotedScripts = sync.OnceValue(func() string {
	var words []string
	for _, text := range scripts() {
		words = append(words, Quote(text))
	}
	return strings.Join(words, " ")
})

var comments = regexp.MustCompile(`(?m)^\s*#.*\n|^\s+`)

// bare is a script without comments and indentation.
func bare(script string) string { return comments.ReplaceAllString(script, "") }

// Exec runs cmd under the supervisor, or alone when that has nothing to supervise. See runner.Conn
// for the contract.
func (c *conn) Exec(ctx context.Context, cmd runner.Command, stdout, stderr io.Writer) (int, error) {
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	id := taskID()
	line, watched, err := lineFor(id, cmd)
	if err != nil {
		return 0, err
	}
	p, err := c.start(id, line, stdout, stderr)
	if err != nil {
		return 0, c.lost(fmt.Errorf("start a command on %s: %w", c.addr, err))
	}
	p.watched = watched
	defer p.hangUp()
	return p.await(ctx, grace(cmd), c.lost)
}

// lineFor is what the login shell gets.
func lineFor(id string, cmd runner.Command) (line string, watched bool, err error) {
	if harmless(cmd.Text) {
		if line := alone(cmd); possible(line) == nil {
			return line, false, nil
		}
	}
	line, err = commandLine(supervised(id, cmd))
	return line, true, err
}

// supervised are the arguments of the supervisor that follow the scripts.
func supervised(id string, cmd runner.Command) []string {
	return []string{id, strconv.Itoa(int(grace(cmd) / (10 * time.Millisecond))), strconv.Itoa(int(heartbeatLimit.Seconds()) / 4), looks(cmd), script(cmd)}
}

// looks are how often the watch looks for the end of a command, a word each, before it takes a
// session of its own. It takes that first where the command may stop its group, and in a race, where
// its end is not to wait for it.
func looks(cmd runner.Command) string {
	if cmd.Race || stops.MatchString(cmd.Text) {
		return ""
	}
	return "1 2 3 4 5 6 7 8"
}

var stops = regexp.MustCompile("kill|suspend")

// harmless tells whether a command is over as soon as it runs, so that nobody ever has to end it: a
// builtin of every shell that starts nothing, waits for nothing and writes less than a pipe holds,
// with arguments that mean nothing to a shell.
func harmless(text string) bool { return len(text) < 4<<10 && builtins.MatchString(text) }

var builtins = regexp.MustCompile(`^(true|false|:|echo|pwd)( +[A-Za-z0-9_./:,+@-]+)*$`)

// alone has the login shell run a command itself, where it is sh. One that is not and may start no
// other, as a restricted one, does not go on.
func alone(cmd runner.Command) string {
	text := Quote(script(cmd))
	return `test "$SHELL" = /bin/sh || exec sh -c ` + text + " || exit\neval " + text
}

// commandLine starts the supervisor. The login shell understands a shell's quoting; where it is sh itself,
// it need not start another.
func commandLine(args []string) (string, error) {
	list := quotedScripts()
	for _, arg := range args {
		list += " " + Quote(arg)
	}
	const start = `exec sh -c 'eval "$1"; exec setsid sh -c "$1" sh "$@"' sh `
	if err := possible(list); err != nil {
		return "", err
	}
	if 2*len(list) > maxCommand-200 {
		return start + list, nil
	}
	return `test "$SHELL" = /bin/sh && set -- ` + list + ` && eval "$1"` + "\n" + start + list, nil
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
