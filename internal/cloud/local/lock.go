package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gofab/gofab/internal/cloud/dir"
)

// take opens the machine's lock file and locks it. The lock belongs to the open file: a child
// that inherits it holds the lock, and closing our copy does not give it up.
func (p place) take() (*os.File, error) {
	f, err := os.OpenFile(p.file("lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	// It waits, for the moment that somebody needs to look.
	if err := flock(f, unix.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// held says whether the machine lives. Those who ask take the lock shared for a moment, so they
// do not mistake each other for the machine.
func (p place) held() (bool, error) {
	f, err := os.Open(p.file("lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = flock(f, unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// pid is the machine's process id, which it writes to its lock file: 0 while it has not. It
// means something only while the lock is held.
func (p place) pid() int {
	data, _ := os.ReadFile(p.file("lock"))
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid < 2 {
		return 0
	}
	return pid
}

// lockFleet makes the launcher (or terminator) of the fleet the only one, in this and all other
// processes. It waits until ctx ends.
func lockFleet(ctx context.Context, fleet string) (unlock func(), err error) {
	return dir.Lock(ctx, filepath.Join(fleet, ".lock"))
}

// generation counts how often the fleet was terminated. A launch remembers the number that it
// began with, each of its machines is born with it, and neither outlives a change.
func generation(fleet string) int64 {
	info, err := os.Stat(filepath.Join(fleet, ".terminated"))
	if err != nil {
		return 0
	}
	return info.Size()
}

// nextGeneration ends the present one: from here on no launch in progress, in whatever process,
// makes a machine that stays. One line is appended, which needs no lock.
func nextGeneration(fleet string) error {
	f, err := os.OpenFile(filepath.Join(fleet, ".terminated"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, time.Now().Format(time.RFC3339Nano))
	return errors.Join(err, f.Close())
}

func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
