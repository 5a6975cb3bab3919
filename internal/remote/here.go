package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gofab/gofab/runner"
)

// Here runs a command on the controller, under the same supervisor as on a host: when ctx ends,
// or the controller is killed, the whole process tree does.
func Here(ctx context.Context, cmd runner.Command, stdout, stderr io.Writer) (int, error) {
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if err := possible(strings.Join(supervised(cmd), " ")); err != nil {
		return 0, err
	}
	l, err := startHere(cmd, stdout, stderr)
	if err != nil {
		return 0, fmt.Errorf("start a command: %w", err)
	}
	var cut atomic.Bool
	stop := context.AfterFunc(ctx, func() {
		cut.Store(true)
		l.stdin.Close()
	})
	stopBeat := beat(l.stdin)
	err = l.cmd.Wait()
	stopBeat()
	stop()
	l.drain(l.hangUp)
	l.hangUp()
	switch status := l.cmd.ProcessState.ExitCode(); {
	case status < 0:
		if err = fmt.Errorf("the command's supervisor was killed: %w", err); !cut.Load() {
			return 0, err
		}
		return 0, &runner.UnconfirmedError{Err: err}
	case cut.Load() && status == statusLeft:
		return 0, &runner.UnconfirmedError{Err: errors.New("some of its processes outlived KILL")}
	case cut.Load():
		return 0, context.Cause(ctx)
	default:
		return status, nil
	}
}

// local is a command on the controller.
type local struct {
	output
	cmd   *exec.Cmd
	stdin io.WriteCloser
	pipes [2]*os.File // our ends of its output
}

func startHere(cmd runner.Command, stdout, stderr io.Writer) (*local, error) {
	l := &local{cmd: exec.Command("sh", supervised(cmd)...)}
	// A Ctrl-C at the terminal is for us to pass on, with the grace that the command has.
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var theirs [2]*os.File
	var err error
	defer func() {
		for _, f := range theirs {
			f.Close()
		}
		if err != nil {
			l.hangUp()
		}
	}()
	for i := range theirs {
		if l.pipes[i], theirs[i], err = os.Pipe(); err != nil {
			return nil, err
		}
	}
	l.cmd.Stdout, l.cmd.Stderr = theirs[0], theirs[1]
	if l.stdin, err = l.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err = l.cmd.Start(); err != nil {
		return nil, err
	}
	l.pump(stdout, l.pipes[0])
	l.pump(stderr, l.pipes[1])
	return l, nil
}

func (l *local) hangUp() {
	for _, f := range l.pipes {
		f.Close()
	}
}

// supervised are the arguments of sh that run cmd under the supervisor.
func supervised(cmd runner.Command) []string {
	return []string{
		"-c", supervisor, "gofab", taskID(),
		strconv.Itoa(int(grace(cmd) / (10 * time.Millisecond))),
		strconv.Itoa(int(heartbeatLimit.Seconds())),
		script(cmd),
	}
}
