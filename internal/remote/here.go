package remote

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"github.com/gofab/gofab/runner"
)

// Here runs a command on the controller, under the same supervisor as on a host: when ctx ends,
// or the controller is killed, the whole process tree does.
func Here(ctx context.Context, cmd runner.Command, stdout, stderr io.Writer) (int, error) {
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	id := taskID()
	args := append(slices.Clone(scripts()), supervised(id, cmd)...)
	if err := possible(strings.Join(args, " ")); err != nil {
		return 0, err
	}
	p, err := startHere(id, args, stdout, stderr)
	if err != nil {
		return 0, fmt.Errorf("start a command: %w", err)
	}
	defer p.hangUp()
	return p.await(ctx, grace(cmd), func(err error) error { return err })
}

// startHere runs the supervisor in a session of its own, as a host does. So a Ctrl-C at the terminal
// is for us to pass on, with the grace that the command has.
func startHere(id string, args []string, stdout, stderr io.Writer) (*process, error) {
	cmd := exec.Command("sh", append([]string{"-c", args[0], "sh"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var ours, theirs [2]*os.File // of its output
	closeAll := func(files [2]*os.File) {
		for _, f := range files {
			f.Close()
		}
	}
	defer func() { closeAll(theirs) }()
	for i := range theirs {
		var err error
		if ours[i], theirs[i], err = os.Pipe(); err != nil {
			closeAll(ours)
			return nil, err
		}
	}
	cmd.Stdout, cmd.Stderr = theirs[0], theirs[1]
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		closeAll(ours)
		return nil, err
	}
	p := newProcess("this computer")
	p.watched = true
	p.input, p.hangUp = stdin, func() { closeAll(ours) }
	go func() {
		cmd.Wait()
		p.status = cmd.ProcessState.ExitCode()
		if how := cmd.ProcessState.Sys().(syscall.WaitStatus); how.Signaled() {
			p.status = 128 + int(how.Signal())
		}
		close(p.exited)
	}()
	p.follow(id, stdout, stderr, ours[0], ours[1])
	return p, nil
}
