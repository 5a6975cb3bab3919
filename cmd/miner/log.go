package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/gofab/gofab/miner"
)

// logFile is the --log: lines that begin with a time, each appended by a single write, so that
// whoever fetches the file at any moment gets whole lines. Without a file it does nothing.
type logFile struct {
	file *os.File
	err  error // the first that writing met
}

// openLog opens a log for appending; the empty name is no log.
func openLog(name string) (*logFile, error) {
	if name == "" {
		return &logFile{}, nil
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("the log cannot be written: %w; choose another --log, or make its directory", err)
	}
	return &logFile{file: file}, nil
}

// printf writes one line. Its callers take turns: begin, then the goroutine of follow, then end.
func (l *logFile) printf(format string, args ...any) {
	if l.file == nil {
		return
	}
	const stamp = "2006-01-02T15:04:05.000Z"
	text := time.Now().UTC().Format(stamp) + " " + fmt.Sprintf(format, args...) + "\n"
	if _, err := l.file.WriteString(text); err != nil && l.err == nil {
		l.err = err
	}
}

// begin writes what is going to be searched.
func (l *logFile) begin(o options, search *miner.Search) {
	limit := "none"
	if o.timeLimit > 0 {
		limit = o.timeLimit.String()
	}
	l.printf("start difficulty %s index %d count %d start %d end %s block %q scheme %s kernel %s threads %d time-limit %s pid %d %s %s/%s",
		digits(o.job.Bits), o.job.Index, o.job.Count, o.start, o.end, o.job.Block, o.job.Scheme, search.Kernel(), search.Threads(), limit,
		os.Getpid(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if fraction := search.Fraction(); fraction > 0 && o.resume != "" {
		l.printf("resume %s %s", o.resume, coverage(o.job, search.Covered()))
	}
}

// digits is a difficulty in hex digits, or in bits where these are not whole.
func digits(bits int) string {
	if bits%miner.BitsPerDigit != 0 {
		return fmt.Sprintf("%d bits", bits)
	}
	return fmt.Sprint(bits / miner.BitsPerDigit)
}

// follow writes a line about the search at every interval, with the rate since the line before,
// until the function it returns is called and has returned.
func (l *logFile) follow(j miner.Job, search *miner.Search, interval time.Duration) (finish func()) {
	if l.file == nil {
		return func() {}
	}
	speed := speedometer{at: time.Now()}
	return every(interval, func() {
		tried := search.Tried()
		l.printf("progress tried %d rate %s %s", tried, speed.text(tried), coverage(j, search.Covered()))
	})
}

// end writes the result and why the search stopped.
func (l *logFile) end(j miner.Job, r miner.Result) {
	l.printf("%s, %s", line(r), coverage(j, r.Covered))
	switch {
	case r.Found:
		l.printf("stop found")
	case r.Stopped != nil:
		l.printf("stop %v", r.Stopped)
	default:
		l.printf("stop exhausted")
	}
}

// close also gives the first error that writing met.
func (l *logFile) close() error {
	if l.file == nil {
		return nil
	}
	return errors.Join(l.err, l.file.Close())
}
