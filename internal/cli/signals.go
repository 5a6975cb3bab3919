package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gofab/gofab/runner"
)

// signals turns the first INT, TERM or HUP into the end of a context, and hands on the second.
type signals struct {
	again  chan os.Signal
	cancel context.CancelCauseFunc
	ctx    context.Context
	stop   func()
}

// oneWish is the time within which signals are one and the same wish: timeout(1) and others
// signal a process and then its whole group, and so a process twice.
const oneWish = 700 * time.Millisecond

func watchSignals(parent context.Context) (context.Context, *signals) {
	ctx, cancel := context.WithCancelCause(parent)
	s := &signals{again: make(chan os.Signal, 1), cancel: cancel, ctx: ctx}
	come := make(chan os.Signal, 2)
	signal.Notify(come, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// Without this, a write to a closed standard output would end the process, and leave machines
	// behind. To ignore the signal would have every child ignore it.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	quit := make(chan struct{})
	go func() {
		var first time.Time
		for {
			select {
			case sig := <-come:
				switch {
				case first.IsZero():
					first = time.Now()
					cancel(&runner.InterruptError{Signal: sig})
				case time.Since(first) > oneWish:
					s.again <- sig
					return
				}
			case <-quit:
				return
			}
		}
	}()
	s.stop = func() {
		signal.Stop(come)
		close(quit)
		cancel(nil)
	}
	return ctx, s
}

// code is the exit status for work that ended early: that of the interrupt if there was one.
func (s *signals) code(otherwise int) int {
	var interrupt *runner.InterruptError
	if errors.As(context.Cause(s.ctx), &interrupt) {
		return interrupt.Code()
	}
	return otherwise
}
