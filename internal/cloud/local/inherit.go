package local

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Files that a machine's process inherits from its launcher, by number.
const (
	listenerFD = 3
	lockFD     = 4
)

// keepFilesToOurselves keeps commands from inheriting the lock, which they would hold beyond the
// machine's life, and drops what the launcher had inherited itself: whoever waits for the end of
// a pipe of gofab's must not wait for its machines. What Go opens is closed on exec, which tells
// it from the rest.
func keepFilesToOurselves() {
	const most = 1024 // nobody who leaks files to gofab has more
	unix.CloseOnExec(listenerFD)
	unix.CloseOnExec(lockFD)
	for fd := lockFD + 1; fd < most; fd++ {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.Close(fd)
		}
	}
}

// signIn writes our process id to the lock file.
func signIn(lock *os.File) error {
	if err := lock.Truncate(0); err != nil {
		return err
	}
	_, err := lock.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

func inherited() (net.Listener, error) {
	f := os.NewFile(listenerFD, "listener")
	defer f.Close()
	return net.FileListener(f)
}
