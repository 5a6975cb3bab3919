package remote

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/gofab/gofab/runner"
)

// filesWait is how long to wait for others to close files when no more can be opened here. A burst
// of name lookups or of transfers passes; the connections that are open stay open.
const filesWait = 2 * time.Second

// withFiles dials, and dials again for a while as long as that fails for want of files.
func withFiles(ctx context.Context, dial func() (runner.Conn, error)) (runner.Conn, error) {
	for began := time.Now(); ; {
		c, err := dial()
		if noFiles(err) == nil || time.Since(began) > filesWait {
			return c, err
		}
		select {
		case <-time.After(filesWait / 20):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// noFiles is the limit, as an errno, on which err comes from: on the files of this process or on
// those of this computer; nil when it comes from something else.
func noFiles(err error) error {
	text := ""
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		// A resolver that can open nothing says that in mere text, or that there is no such name.
		text, err = dns.Err, probe()
	}
	for _, limit := range []error{syscall.EMFILE, syscall.ENFILE} {
		if errors.Is(err, limit) || strings.Contains(text, limit.Error()) {
			return limit
		}
	}
	return nil
}

// probe tells whether a file can be opened.
func probe() error {
	f, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	return f.Close()
}
