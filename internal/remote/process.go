package remote

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/gofab/gofab/runner"
)

// process is a command on a host or here.
type process struct {
	output
	last *lastWords

	exited chan struct{} // closed by who has started it when the status is known or never will be
	status int
	err    error // why there is no status

	watched bool // by the supervisor, which works on after the command's end

	where  string
	input  io.WriteCloser // of the supervisor: heartbeats; its end ends the command
	hangUp func()         // takes the output away
}

func newProcess(where string) *process {
	return &process{where: where, exited: make(chan struct{})}
}

// follow passes the output on until there is no more.
func (p *process) follow(id string, stdout, stderr io.Writer, outFrom, errFrom io.Reader) {
	p.last = newLastWords(id, stderr)
	p.pump(stdout, p.last, outFrom, errFrom)
}

// end waits for the end of the process and of its output.
func (p *process) end() {
	<-p.exited
	p.drain(p.hangUp)
	p.last.flush()
}

// await returns when the process has ended: by itself, or by the supervisor because ctx did. lost
// says of an error whether the host is the reason.
func (p *process) await(ctx context.Context, grace time.Duration, lost func(error) error) (int, error) {
	stopBeat := beat(p.input)
	select {
	case <-p.exited: // whatever becomes of ctx while the rest of the output comes
		stopBeat()
		p.input.Close() // the supervisor may go
		p.end()
		return p.status, lost(p.err)
	case <-ctx.Done():
		stopBeat() // an SSH channel does not take a write and its end at once
		return 0, p.cancel(ctx, grace, lost)
	}
}

// cancel has the supervisor end the command, and waits for it to say so.
func (p *process) cancel(ctx context.Context, grace time.Duration, lost func(error) error) error {
	cause := context.Cause(ctx)
	p.patient.Store(p.watched) // it may be at work for longer than the command's own process lives
	p.input.Close()
	ended := make(chan struct{})
	go func() {
		p.end()
		close(ended)
	}()
	limit := time.After(grace + confirmWait)
	select {
	case <-p.last.heard:
	case <-ended:
	case <-limit:
		return &runner.UnconfirmedError{Err: fmt.Errorf("%s did not answer (%w)", p.where, cause)}
	}
	select {
	case <-p.last.heard:
		if p.last.left {
			return &runner.UnconfirmedError{Err: fmt.Errorf("some of its processes on %s outlived KILL", p.where)}
		}
		p.patient.Store(false)
		<-ended
	default:
		if p.err != nil { // else it has ended by itself, at the same moment
			return &runner.UnconfirmedError{Err: lost(p.err)}
		}
	}
	return cause
}
