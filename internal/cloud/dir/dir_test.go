package dir

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func open(t *testing.T) (Storage, string) {
	t.Helper()
	s := Storage{Root: t.TempDir()}
	queue, err := s.Open(t.Context(), "r", "", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return s, queue
}

// What a person would type: echo stop >queue/x.
func TestMessagesFromOutside(t *testing.T) {
	s, queue := open(t)
	for name, body := range map[string]string{".hidden": "no", "anything": "stop\n"} {
		if err := os.WriteFile(filepath.Join(queue, name), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Mkdir(filepath.Join(queue, "a directory"), 0o755), syscall.Mkfifo(filepath.Join(queue, "a fifo"), 0o644)); err != nil {
		t.Fatal(err)
	}
	if body, err := s.Receive(t.Context(), "r"); err != nil || string(body) != "stop\n" {
		t.Errorf("received %q, %v", body, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*poll)
	defer cancel()
	if body, err := s.Receive(ctx, "r"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("received %q, %v", body, err)
	}
}

func TestAnEmptyFileIsGivenTimeToFill(t *testing.T) {
	s, queue := open(t)
	file := filepath.Join(queue, "x")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if body, err := s.take("r"); err != errEmpty {
		t.Errorf("took %q, %v", body, err)
	}
	past := time.Now().Add(-2 * settling)
	if err := os.Chtimes(file, past, past); err != nil {
		t.Fatal(err)
	}
	if body, err := s.take("r"); err != nil || len(body) != 0 {
		t.Errorf("took %q, %v", body, err)
	}
	if err := s.Send(t.Context(), "r", nil); err != nil {
		t.Fatal(err)
	}
	if body, err := s.take("r"); err != nil || len(body) != 0 {
		t.Errorf("took %q, %v", body, err)
	}
}

func TestOldestFirst(t *testing.T) {
	s, _ := open(t)
	for _, body := range []string{"1", "2", "3"} {
		if err := s.Send(t.Context(), "r", []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"1", "2", "3"} {
		if body, err := s.Receive(t.Context(), "r"); err != nil || string(body) != want {
			t.Errorf("received %q, %v, want %s", body, err, want)
		}
	}
}

// A receiver does not wait at a queue that was closed, and nobody reopens it by accident.
func TestClosed(t *testing.T) {
	s, queue := open(t)
	received := make(chan error)
	go func() {
		_, err := s.Receive(t.Context(), "r")
		received <- err
	}()
	if err := errors.Join(s.CloseQueue("r"), s.CloseQueue("r")); err != nil {
		t.Error(err)
	}
	if err := <-received; !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("receive: %v", err)
	}
	if err := s.Send(t.Context(), "r", []byte("late")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("send: %v", err)
	}
	if _, err := os.Stat(queue); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the queue: %v", err)
	}
}

func TestSendRefusesWhatSQSWould(t *testing.T) {
	s, _ := open(t)
	if err := s.Send(t.Context(), "r", make([]byte, MaxMessage+1)); err == nil {
		t.Error("a message that is too long was sent")
	}
}
