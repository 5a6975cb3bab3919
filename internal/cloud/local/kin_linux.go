package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// adopt makes this process the one to which its orphaned descendants fall, instead of init: so a
// daemon that has left session, group, parent and environment behind is still among its kin.
func adopt() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// nameProcess sets what ps and top show, which would be "exe" for a start from /proc/self/exe.
func nameProcess(name string) { os.WriteFile("/proc/self/comm", []byte(name), 0) }

// reap awaits adopted children until ctx ends. Those listed by own are awaited by others, and
// must not be taken from them.
func reap(ctx context.Context, own func() []int) {
	died := make(chan os.Signal, 1)
	signal.Notify(died, unix.SIGCHLD)
	defer signal.Stop(died)
	for ctx.Err() == nil {
		pid := zombie()
		switch {
		case pid == 0:
			select {
			case <-ctx.Done():
			case <-died:
			}
		case slices.Contains(own(), pid): // first in the queue until its owner takes it, in a moment
			time.Sleep(time.Millisecond)
		default:
			unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
	}
}

// zombie is a child that nobody has awaited yet, or 0.
func zombie() int {
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); err != nil {
		return 0
	}
	// si_pid follows three ints, aligned as the union that it is part of.
	offset := (3*4 + unsafe.Sizeof(uintptr(0)) - 1) &^ (unsafe.Sizeof(uintptr(0)) - 1)
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(&info), offset)))
}

// killKin kills all descendants of this process, again and again until it has no child: whatever
// loses its parent on the way becomes one. Somebody has to reap meanwhile.
func killKin(_ func() []int, limit time.Duration) error {
	for end := time.Now().Add(limit); hasChild(); time.Sleep(2 * time.Millisecond) {
		left := descendants(os.Getpid())
		for _, pid := range left {
			unix.Kill(pid, unix.SIGKILL)
		}
		if time.Now().After(end) {
			return fmt.Errorf("processes %v cannot be killed", left)
		}
	}
	return nil
}

func hasChild() bool {
	err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return !errors.Is(err, unix.ECHILD)
}

// killTree kills a machine's process and all descendants. The machine goes last: as long as it
// lives, orphans fall to it.
func killTree(pid int) {
	unix.Kill(pid, unix.SIGSTOP)
	for range 100 {
		left := descendants(pid)
		if len(left) == 0 {
			break
		}
		for _, child := range left {
			unix.Kill(child, unix.SIGKILL)
		}
		time.Sleep(2 * time.Millisecond)
	}
	unix.Kill(pid, unix.SIGKILL)
}

// killMarked kills every process, ourselves excepted, whose markDir begins with prefix, and
// returns those that remain when the limit is over. Other users' processes it cannot see.
func killMarked(prefix string, limit time.Duration) []int {
	for end := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		left := marked(prefix)
		for _, pid := range left {
			unix.Kill(pid, unix.SIGKILL)
		}
		if len(left) == 0 || time.Now().After(end) {
			return left
		}
	}
}

func marked(prefix string) []int {
	var pids []int
	mark := []byte("\x00" + markDir + "=" + prefix)
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		environ, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(append([]byte{0}, environ...), mark) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// descendants lists the live ones of root, without root.
func descendants(root int) []int {
	children := map[int][]int{}
	dead := map[int]bool{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state ppid …, and a name may hold anything.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil || len(fields) < 2 {
			continue
		}
		parent, _ := strconv.Atoi(string(fields[1]))
		children[parent] = append(children[parent], pid)
		dead[pid] = fields[0][0] == 'Z' || fields[0][0] == 'X'
	}
	var all []int
	for next := children[root]; len(next) > 0; {
		pid := next[0]
		next = append(next[1:], children[pid]...)
		if !dead[pid] {
			all = append(all, pid)
		}
	}
	return all
}
