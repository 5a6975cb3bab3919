package local

import (
	"fmt"
	"os"
	"sync"
	"time"
)

// syslog is the machine's system log, with lines as in /var/log/syslog (RFC 3164). It is safe
// for concurrent use, and a log that cannot be written to does not stop the machine.
type syslog struct {
	mu   sync.Mutex
	f    *os.File
	host string
}

func openSyslog(path, host string) (*syslog, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return &syslog{f: f, host: host}, nil
}

func (l *syslog) printf(tag, format string, args ...any) {
	line := fmt.Sprintf("%s %s %s[%d]: %s\n", time.Now().Format(time.Stamp), l.host, tag, os.Getpid(), fmt.Sprintf(format, args...))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.f.WriteString(line)
}
