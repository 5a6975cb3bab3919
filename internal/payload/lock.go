package payload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// lock takes the file's lock, waiting for other processes that have it. It is given back when the
// file is closed here and in every child that inherited it; a process that dies gives it back too.
// Some network file systems have no locks: there it is no error, and held is false.
func lock(ctx context.Context, path string) (file *os.File, held bool, err error) {
	file, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, false, err
	}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return file, true, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return file, false, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			file.Close()
			return nil, false, fmt.Errorf("wait for another gofab that is making it: %w", context.Cause(ctx))
		}
	}
}
