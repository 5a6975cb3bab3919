package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gofab/gofab/internal/cloud/dir"
)

const (
	// patience is how long Terminate waits for a launch in progress to notice.
	patience = 5 * time.Second
	// grace is how long a machine has to end by itself before it is killed.
	grace = 3 * time.Second
	// unsigned is how long a machine that holds its lock may take to write its process id.
	unsigned = 10 * time.Second
)

// Terminate ends the run's machines, whatever state their directories are in, and removes these
// and the queue; the bucket stays. A launch that began earlier, even in another process, makes
// no machine afterwards. It can be repeated after a crash at any moment.
//
// The error names the machines and processes that could not be ended. Files that belong to
// somebody else (a command may have used sudo) are left behind without an error.
func (p *Provider) Terminate(ctx context.Context, run string) error {
	if err := dir.CheckRun(run); err != nil {
		return fmt.Errorf("terminate: %w", err)
	}
	if err := p.endFleet(ctx, run); err != nil {
		return fmt.Errorf("terminate %s: %w", run, err)
	}
	return p.CloseQueue(run)
}

func (p *Provider) endFleet(ctx context.Context, run string) error {
	fleet := p.fleet(run)
	if err := nextGeneration(fleet); errors.Is(err, fs.ErrNotExist) {
		return nil // no launch ever began
	}
	// What cannot be written down (the disk may be full) does not keep us from ending machines: it
	// would only stop a launch that is in progress.
	// A launcher that is stuck does not keep us: what it starts later ends by itself.
	waiting, stop := context.WithTimeout(ctx, patience)
	defer stop()
	if unlock, err := lockFleet(waiting, fleet); err == nil {
		defer unlock()
	}
	places, err := p.places(run)
	if err != nil {
		return err
	}
	errs := make([]error, len(places))
	var work sync.WaitGroup
	for i, place := range places {
		work.Go(func() { errs[i] = place.end(ctx) })
	}
	work.Wait()
	// What is left now has lost its machine. Where a machine lives its processes are left to it:
	// it knows more of them than bear the mark.
	if errors.Join(errs...) == nil {
		if left := killMarked(fleet+"/", grace); len(left) > 0 {
			errs = append(errs, fmt.Errorf("processes %v cannot be killed", left))
		}
	}
	for i, place := range places {
		held, err := place.held()
		switch {
		case err != nil:
			errs = append(errs, err)
		case held && errs[i] == nil:
			errs = append(errs, fmt.Errorf("machine %s lives", place.name()))
		case !held:
			errs = append(errs, remove(place.dir))
		}
	}
	return errors.Join(errs...)
}

// end ends one machine, kindly at first, and returns when its lock is free.
func (p place) end(ctx context.Context) error {
	var asked time.Time // when the machine was asked to end
	for began := time.Now(); ; {
		held, err := p.held()
		if err != nil || !held {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("machine %s (process %d) may live: %w", p.name(), p.pid(), context.Cause(ctx))
		}
		switch pid := p.pid(); {
		case pid != 0 && asked.IsZero():
			asked = time.Now()
			if err := p.ask(pid); err != nil {
				return fmt.Errorf("machine %s (process %d): %w", p.name(), pid, err)
			}
		case pid != 0 && time.Since(asked) > grace:
			killTree(pid)
		case pid == 0 && time.Since(began) > grace:
			killMarked(p.dir+"\x00", 0)
		}
		if time.Since(began) > unsigned {
			return fmt.Errorf("machine %s (process %d) lives: %s is locked", p.name(), p.pid(), p.file("lock"))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// ask tells the machine to end itself. The process is held on to before the lock is looked at
// once more, so that it cannot be another one that got the number.
func (p place) ask(pid int) error {
	process, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	defer process.Release()
	if held, err := p.held(); err != nil || !held {
		return err
	}
	if err := process.Signal(unix.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// remove deletes a dead machine's directory, also what its commands have made unwritable.
func remove(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			os.Chmod(path, 0o700)
		}
		return nil
	})
	if err := os.RemoveAll(dir); !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}
