// Package journal records what a run is about to do with money, and what became of it.
//
// A run's directory holds journal.jsonl: one JSON object a line, only ever appended to, each
// with one write and an fsync before the action that it announces. Whoever comes after a crash
// reads where to look (which provider, which region); what is there, the provider's tags say.
// A process or a machine may die at any byte, so a reader drops a last line that was cut, and a
// writer that comes later ends that line before it adds its own.
//
// The directory also holds controller.lock, which a run's controller keeps locked while it
// lives: a crashed run is one that neither ended nor is locked.
package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const fileName = "journal.jsonl"

// Journal is open for appending. Its methods are safe for concurrent use.
type Journal struct {
	mu   sync.Mutex
	file *os.File
	lock *os.File // nil unless we are the run's controller
	torn bool     // the file does not end with a whole line
}

// Create begins the journal of a new run in dir, which is made if need be, and makes this process
// the run's controller until Close or its end. If there is a journal already, the error is
// fs.ErrExist: take another run id.
func Create(dir string) (*Journal, error) {
	if err := mkdirAllSync(dir); err != nil {
		return nil, err
	}
	lock, err := takeLock(dir)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, fileName), os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if err := errors.Join(file.Sync(), syncDir(dir)); err != nil {
		return nil, errors.Join(err, file.Close(), lock.Close())
	}
	return &Journal{file: file, lock: lock}, nil
}

// Open opens the journal of an earlier run to add to it, whether or not its controller lives; it
// does not make this process the controller. Two processes may append at once.
func Open(dir string) (*Journal, error) {
	file, err := os.OpenFile(filepath.Join(dir, fileName), os.O_APPEND|os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	torn, err := endsTorn(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &Journal{file: file, torn: torn}, nil
}

// Append opens the journal of a run whose controller keeps none, or has not begun one: like Open,
// but what is not there is made.
func Append(dir string) (*Journal, error) {
	if err := mkdirAllSync(dir); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, fileName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(file.Close(), syncDir(dir)); err != nil {
		return nil, err
	}
	return Open(dir)
}

// Write appends the record and returns when it is on the disk. A zero Time becomes now, a zero
// PID this process. After an error nobody knows whether the record is there: do not go on to
// what it announces.
func (j *Journal) Write(r Record) error {
	if r.Time.IsZero() {
		r.Time = time.Now().UTC()
	}
	if r.PID == 0 {
		r.PID = os.Getpid()
	}
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	line = append(line, '\n')

	j.mu.Lock()
	defer j.mu.Unlock()
	if j.torn {
		line = append([]byte{'\n'}, line...)
	}
	n, err := j.file.Write(line)
	if n > 0 {
		j.torn = n < len(line)
	}
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// Close closes the file and, if this process was the controller, says that it no longer is.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.file.Close()
	if j.lock != nil {
		err = errors.Join(err, j.lock.Close())
	}
	return err
}

// endsTorn may take a line that a live controller is just writing for a torn one; the newline
// that is then added makes an empty line, which readers pass over.
func endsTorn(file *os.File) (bool, error) {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return false, err
	}
	last := make([]byte, 1)
	if _, err := file.ReadAt(last, size-1); err != nil {
		return false, err
	}
	return last[0] != '\n', nil
}
