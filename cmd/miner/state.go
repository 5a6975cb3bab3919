package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofab/gofab/miner"
)

// stateFile is the --resume; the empty name is none.
type stateFile string

// read gives what an earlier search left, nil if there was none.
func (f stateFile) read() (*miner.State, error) {
	if f == "" {
		return nil, nil
	}
	text, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the state cannot be read: %w", err)
	}
	var state miner.State
	if err := json.Unmarshal(text, &state); err != nil {
		return nil, fmt.Errorf("the state in %s is broken: %w; remove it, or choose another --resume", f, err)
	}
	return &state, nil
}

// write replaces the file by a rename, so that whoever reads it, or a crash, finds a whole state:
// this one or the one before.
func (f stateFile) write(state miner.State) error {
	if f == "" {
		return nil
	}
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(string(f)), "."+filepath.Base(string(f))+"-*")
	if err != nil {
		return f.trouble(err)
	}
	_, err = temporary.Write(append(text, '\n'))
	err = errors.Join(err, temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), string(f))
	}
	if err != nil {
		return f.trouble(errors.Join(err, os.Remove(temporary.Name())))
	}
	return nil
}

func (f stateFile) trouble(err error) error {
	return fmt.Errorf("the state cannot be written: %w; choose another --resume, or make its directory", err)
}
