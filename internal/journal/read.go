package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// DamagedError says which lines of a journal could not be read; the records of all other lines
// were returned along with it.
type DamagedError struct {
	File  string
	Lines []int // from 1
}

func (e *DamagedError) Error() string {
	if len(e.Lines) == 1 {
		return fmt.Sprintf("%s:%d: not a record", e.File, e.Lines[0])
	}
	return fmt.Sprintf("%s:%d: not a record, nor are %d more lines", e.File, e.Lines[0], len(e.Lines)-1)
}

// Size is how long the journal of a run's directory is, in bytes; it only grows. 0: there is none.
func Size(dir string) int64 {
	info, err := os.Stat(filepath.Join(dir, fileName))
	if err != nil {
		return 0
	}
	return info.Size()
}

// Read returns the records of the journal in dir. A last line that was cut is dropped without a
// word: its Write never returned, so nobody acted on it. Any other line that is no record is
// passed over and reported by a *DamagedError beside the records.
func Read(dir string) ([]Record, error) {
	entries, err := read(dir)
	if err != nil {
		return nil, err
	}
	var records []Record
	for _, e := range entries {
		if !e.bad {
			records = append(records, e.Record)
		}
	}
	return records, damage(dir, entries)
}

// damage is a *DamagedError if any entry is bad, else nil.
func damage(dir string, entries []entry) error {
	var lines []int
	for _, e := range entries {
		if e.bad {
			lines = append(lines, e.line)
		}
	}
	if lines == nil {
		return nil
	}
	return &DamagedError{File: filepath.Join(dir, fileName), Lines: lines}
}

// entry is a line of the file: a record, or one that is bad.
type entry struct {
	Record
	line int
	bad  bool
}

func read(dir string) ([]entry, error) {
	name := filepath.Join(dir, fileName)
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // reading a pipe would wait for ever
		return nil, fmt.Errorf("%s: not a regular file", name)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return parse(data), nil
}

func parse(data []byte) []entry {
	var entries []entry
	for n := 1; len(data) > 0; n++ {
		line, rest, ended := bytes.Cut(data, []byte{'\n'})
		data = rest
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		e := entry{line: n}
		if err := json.Unmarshal(line, &e.Record); err != nil || e.What == "" {
			if !ended {
				break
			}
			e = entry{line: n, bad: true}
		}
		entries = append(entries, e)
	}
	return entries
}
