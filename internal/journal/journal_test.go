package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"
)

func code(n int) *int { return &n }

var sample = []Record{
	{What: Begin, Run: "20261122-141530-search-k7qz", Play: "search", File: "playbooks/search.yaml", Provider: "local"},
	{What: Launch, Count: 2, Token: "t-1"},
	{What: Machines, Machines: []string{"i-1", "i-ü\n\"2"}},
	{What: Terminate},
	{What: Terminated, Error: "none"},
	{What: End, Code: code(0)},
}

func create(t testing.TB, records ...Record) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "state", "runs", "r")
	j, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	write(t, j, records...)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t testing.TB, j *Journal, records ...Record) {
	t.Helper()
	for _, r := range records {
		if err := j.Write(r); err != nil {
			t.Fatal(err)
		}
	}
}

func stamped(r Record) Record {
	r.Time = time.Date(2026, 11, 22, 14, 15, 30, 5, time.UTC)
	r.PID = 7
	return r
}

func samples() []Record {
	var rs []Record
	for _, r := range sample {
		rs = append(rs, stamped(r))
	}
	return rs
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	dir := create(t, samples()...)
	got, err := Read(dir)
	if err != nil || !reflect.DeepEqual(got, samples()) {
		t.Fatalf("Read = %+v, %v", got, err)
	}
	info, err := os.Stat(filepath.Join(dir, fileName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := Create(dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second Create: %v", err)
	}
}

func TestWriteStampsTimeAndPID(t *testing.T) {
	t.Parallel()
	got, err := Read(create(t, Record{What: Begin}))
	if err != nil || got[0].PID != os.Getpid() || time.Since(got[0].Time) > time.Minute {
		t.Errorf("Read = %+v, %v", got, err)
	}
}

// A journal cut at any byte keeps every whole record, and what is written after the cut is whole.
func TestCutAtEveryByte(t *testing.T) {
	t.Parallel()
	dir := create(t, samples()...)
	name := filepath.Join(dir, fileName)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(data) + 1 {
		whole := bytes.Count(data[:cut], []byte("}\n"))
		if cut > 0 && data[cut-1] == '}' {
			whole++ // the line lacks nothing but its end
		}
		if err := os.WriteFile(name, data[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Read(dir)
		if err != nil || len(got) != whole || (whole > 0 && !reflect.DeepEqual(got, samples()[:whole])) {
			t.Fatalf("cut at %d: %d records of %d, %v", cut, len(got), whole, err)
		}
		if testing.Short() && cut%7 != 0 {
			continue
		}

		j, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		after := stamped(Record{What: Terminated})
		write(t, j, after, after)
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		got, err = Read(dir)
		if len(got) != whole+2 || !reflect.DeepEqual(got[whole:], []Record{after, after}) {
			t.Fatalf("cut at %d, then written to: %d records of %d, %v", cut, len(got), whole+2, err)
		}
		torn := cut > 0 && data[cut-1] != '\n' && data[cut-1] != '}'
		if _, damaged := errors.AsType[*DamagedError](err); damaged != torn {
			t.Fatalf("cut at %d, then written to: %v", cut, err)
		}
	}
}

func TestDamageInTheMiddle(t *testing.T) {
	t.Parallel()
	dir := create(t, samples()...)
	name := filepath.Join(dir, fileName)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	lines[1] = []byte("{\"what\":\"lau\n\n\x00\x00\n")
	if err := os.WriteFile(name, bytes.Join(lines, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Read(dir)
	damaged, ok := errors.AsType[*DamagedError](err)
	if len(got) != len(sample)-1 || !ok || !reflect.DeepEqual(damaged.Lines, []int{2, 4}) {
		t.Errorf("%d records, %v", len(got), err)
	}
}

func TestUnknownFieldsAndKinds(t *testing.T) {
	t.Parallel()
	dir := create(t)
	line := `{"time":"2026-11-22T14:15:30Z","what":"moved","colour":{"a":1},"run":"r"}` + "\n"
	if err := os.WriteFile(filepath.Join(dir, fileName), []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Read(dir)
	if err != nil || len(got) != 1 || got[0].What != "moved" || got[0].Run != "r" {
		t.Errorf("Read = %+v, %v", got, err)
	}
}

func TestConcurrentWriters(t *testing.T) {
	t.Parallel()
	dir := create(t)
	var wg sync.WaitGroup
	for range 3 {
		j, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		for g := range 3 {
			wg.Go(func() {
				for i := range 5 {
					if err := j.Write(Record{What: Launch, Token: fmt.Sprintf("%d-%d", g, i)}); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	if got, err := Read(dir); err != nil || len(got) != 45 {
		t.Errorf("%d records, %v", len(got), err)
	}
}

func TestReadRefusesAPipe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, fileName), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); err == nil {
		t.Error("Read of what is no file succeeded")
	}
	if _, err := Read(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read of nothing: %v", err)
	}
}

// However bytes are cut off and put in, lines that were not touched are read.
func FuzzDamage(f *testing.F) {
	f.Add(uint(10), uint(50), []byte("garbage"))
	f.Add(uint(0), uint(1<<20), []byte("\n\x00{\"what\":\"x\"}"))
	var file []byte
	for _, r := range samples() {
		line, _ := json.Marshal(r)
		file = append(append(file, line...), '\n')
	}
	f.Fuzz(func(t *testing.T, at, cut uint, junk []byte) {
		at %= uint(len(file) + 1)
		cut %= uint(len(file) + 1)
		damaged := append(append(append([]byte{}, file[:at]...), junk...), file[at:]...)
		damaged = damaged[:len(damaged)-int(cut)]
		// Lines that end before the junk and before the cut are untouched.
		safe := bytes.Count(damaged[:min(int(at), len(damaged))], []byte{'\n'})
		entries := parse(damaged)
		if len(entries) < safe {
			t.Fatalf("%d entries of at least %d", len(entries), safe)
		}
		for i := range safe {
			if entries[i].bad || !reflect.DeepEqual(entries[i].Record, samples()[i]) {
				t.Fatalf("record %d is lost", i)
			}
		}
		var r Run
		r.fold(entries)
	})
}
