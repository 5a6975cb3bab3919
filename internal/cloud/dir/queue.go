package dir

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

const (
	poll = 50 * time.Millisecond

	// MaxMessage is the longest message that Send takes and Receive returns: SQS's limit, so
	// that what works here works there.
	MaxMessage = 256 << 10

	// ours ends the names of files that Send wrote and that are whole from the start.
	ours = ".msg"

	// settling is how long an empty file of somebody else's is left alone: `echo stop >file`
	// makes the file a moment before it fills it.
	settling = time.Second
)

var sent atomic.Uint64 // orders messages that one process sends within one tick of the clock

// Open makes the run's queue and returns its directory: a file put there is a message
// (`echo stop >DIR/any-name`). Names that begin with a dot are left alone.
func (s Storage) Open(_ context.Context, run, _ string, _ time.Time) (string, error) {
	if err := CheckRun(run); err != nil {
		return "", err
	}
	if err := os.MkdirAll(s.queue(run), 0o700); err != nil {
		return "", fmt.Errorf("open queue: %w", err)
	}
	return s.queue(run), nil
}

// Send puts a message on the run's queue, which must be open.
func (s Storage) Send(_ context.Context, run string, body []byte) error {
	if err := CheckRun(run); err != nil {
		return err
	}
	if len(body) > MaxMessage {
		return fmt.Errorf("send: a message of %d bytes is longer than %d", len(body), MaxMessage)
	}
	name := fmt.Sprintf("%020d-%06d-%d%s", time.Now().UnixNano(), sent.Add(1), os.Getpid(), ours)
	temp := filepath.Join(s.queue(run), ".send-"+name)
	if err := os.WriteFile(temp, body, 0o600); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if err := os.Rename(temp, filepath.Join(s.queue(run), name)); err != nil {
		os.Remove(temp)
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// Receive waits until the run's queue holds a message, takes the oldest off and returns it. Each
// message goes to one receiver. A queue that is not open, or no longer, is an error.
func (s Storage) Receive(ctx context.Context, run string) ([]byte, error) {
	if err := CheckRun(run); err != nil {
		return nil, err
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		body, err := s.take(run)
		if !errors.Is(err, errEmpty) {
			return body, err
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// CloseQueue removes the run's queue with all that is on it. No queue is success.
func (s Storage) CloseQueue(run string) error {
	if err := CheckRun(run); err != nil {
		return err
	}
	return os.RemoveAll(s.queue(run))
}

func (s Storage) queue(run string) string { return filepath.Join(s.Root, run, "queue") }

var errEmpty = errors.New("the queue is empty")

// take returns the oldest message, or errEmpty.
func (s Storage) take(run string) ([]byte, error) {
	messages, err := waiting(s.queue(run))
	if err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	for _, m := range messages {
		// The rename decides between receivers: it succeeds for one of them.
		claimed := filepath.Join(s.queue(run), fmt.Sprintf(".taken-%d-%d", os.Getpid(), sent.Add(1)))
		if err := os.Rename(filepath.Join(s.queue(run), m.Name()), claimed); errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("receive: %w", err)
		}
		body, err := readMessage(claimed)
		os.Remove(claimed) // what stays behind is a dotfile that nobody takes for a message
		return body, err
	}
	return nil, errEmpty
}

// waiting lists the queue's messages, the oldest first.
func waiting(dir string) ([]fs.FileInfo, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var messages []fs.FileInfo
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if info.Size() == 0 && !strings.HasSuffix(e.Name(), ours) && time.Since(info.ModTime()) < settling {
			continue
		}
		messages = append(messages, info)
	}
	slices.SortStableFunc(messages, func(a, b fs.FileInfo) int {
		return cmp.Or(a.ModTime().Compare(b.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	return messages, nil
}

func readMessage(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxMessage))
}
