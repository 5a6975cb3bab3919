package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/gofab/gofab/internal/cloud"
)

// Conn is a live connection to one host. Its methods are safe for concurrent use.
type Conn interface {
	// Exec runs a shell command and returns its exit status. Output is written as it comes;
	// stdout and stderr are written from one goroutine each. A status other than 0 is not an
	// error. When ctx ends, the whole remote process tree has ended before Exec returns ctx's
	// cause; if that could not be confirmed, the error is an *UnconfirmedError. A lost
	// connection is an *UnreachableError.
	Exec(ctx context.Context, cmd Command, stdout, stderr io.Writer) (status int, err error)

	// Put copies a local file or directory to the host, making remote directories as needed.
	// A file appears under its name only when it is whole.
	Put(ctx context.Context, src, dest string, opt PutOptions) (Copied, error)

	// Get copies a remote file or directory here, making local directories as needed. A file
	// appears under its name only when it is whole.
	Get(ctx context.Context, src, dest string) (Copied, error)

	// Close ends the connection; calls in progress return an *UnreachableError.
	Close() error
}

// Command is what Exec runs.
type Command struct {
	Text  string            // for the host's sh -c
	Env   map[string]string // exported before Text runs
	Grace time.Duration     // between TERM and KILL when it is cancelled; 0: the default
	Race  bool              // it will most likely be cancelled, and that is to go fast
}

// PutOptions change how Put writes.
type PutOptions struct {
	Mode fs.FileMode // permission bits of files; 0: those of the source
}

// Copied says what a transfer did.
type Copied struct {
	Files int
	Bytes int64
}

// Dialer connects to machines. Dial makes one attempt, bounded by ctx and by the dialer's own
// limit on the handshake; a machine that does not answer is an *UnreachableError.
type Dialer interface {
	Dial(ctx context.Context, m cloud.Machine) (Conn, error)
}

// UnreachableError says that a host does not answer, or no longer does.
type UnreachableError struct {
	Err    error
	Remedy string // what the user can do about it; may be empty
	Final  bool   // trying again cannot help: a changed host key, a refused login
	Again  bool   // trying again is likely to help: the host dropped us as a busy sshd does
}

func (e *UnreachableError) Error() string { return e.Err.Error() }
func (e *UnreachableError) Unwrap() error { return e.Err }

// UnconfirmedError says that a command was told to stop and that nobody knows whether it has.
type UnconfirmedError struct{ Err error }

func (e *UnconfirmedError) Error() string {
	return fmt.Sprintf("could not confirm that the command has ended: %v", e.Err)
}
func (e *UnconfirmedError) Unwrap() error { return e.Err }

// Why work was cut short; found with context.Cause.
var (
	ErrDeadline = errors.New("the play's deadline is reached")
	ErrBudget   = errors.New("the play's budget is reached")
	ErrRaceWon  = errors.New("another host was first")
	ErrMessage  = errors.New("a message on the queue ended the race")
)
