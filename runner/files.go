package runner

import (
	"errors"
	"fmt"
	"syscall"
)

// A host may need its connection and what is copied to or from it, and a machine of this computer two
// more; a run needs others besides.
const (
	hostFiles  = 4
	otherFiles = 50
)

// tellFiles explains, once in a run, an error whose reason is a limit of this computer on open
// files: hosts and steps fail of it without being at fault, and often many together.
func (r *Run) tellFiles(err error) {
	var text, remedy string
	switch {
	case errors.Is(err, syscall.EMFILE):
		limit := filesLimit()
		text = fmt.Sprintf("too many open files: this computer lets gofab have %d at once (ulimit -Hn); each connection is one, each file that is copied another", limit)
		remedy = fmt.Sprintf("raise that to %d or more (ulimit -n as root, nofile in limits.conf(5), LimitNOFILE= of a service), or take fewer hosts (-l, count); "+
			"forks bounds how many copy at once", max(2*limit, hostFiles*uint64(len(r.Hosts))+otherFiles))
	case errors.Is(err, syscall.ENFILE):
		text = "too many open files: this computer has as many as it can, of all programs together"
		remedy = "look what has so many open, raise the limit (sysctl fs.file-max), or take fewer hosts (-l, count)"
	default:
		return
	}
	r.filesTold.Do(func() { r.events.Emit(Event{Type: Warning, Step: r.stepName, Text: text, Remedy: remedy}) })
}

// filesLimit is how many files this process may have open; 0: nobody knows. The Go runtime has
// raised it as far as it can be, to the hard limit.
func filesLimit() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return uint64(limit.Cur)
}
