package journal

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestNewID(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 15, 15, 30, 0, time.FixedZone("CET", 3600))
	for play, want := range map[string]string{
		"playbooks/search.yaml":       "search",
		"Search The  Nonce!":          "search-the-nonce",
		"größer.yml":                  "gr-er",
		"../../$(reboot)\n":           "reboot",
		"":                            "play",
		"日本":                          "play",
		strings.Repeat("ab-", 20):     "ab-ab-ab-ab-ab-ab-ab-ab",
		"/":                           "play",
		"a" + strings.Repeat("b", 99): "abbbbbbbbbbbbbbbbbbbbbbb",
	} {
		id := NewID(now, play)
		if !regexp.MustCompile(`^20261122-141530-` + want + `-[a-z2-7]{4}$`).MatchString(id) {
			t.Errorf("NewID(%q) = %s", play, id)
		}
		if !ValidID(id) {
			t.Errorf("%s is not valid", id)
		}
	}
	for _, id := range []string{
		"", ".", "..", "20261122-141530-search", "20261122-141530-search-k7q/", "20261122-141530-../x-k7qz",
		"20261122-141530--k7qz", "20261122-141530-search-k7qz\n", "20261122-141530-" + strings.Repeat("a", 200) + "-k7qz",
	} {
		if ValidID(id) {
			t.Errorf("%q is valid", id)
		}
	}
}

func TestAlive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	check := func(want bool) {
		t.Helper()
		if got, err := Alive(dir); got != want || err != nil {
			t.Errorf("Alive = %v, %v", got, err)
		}
	}
	check(false)
	j, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	check(true)
	check(true) // asking does not let go of the lock
	other, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	check(true)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	check(false)
}

func TestRuns(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	if runs, err := Runs(state); runs != nil || err != nil {
		t.Fatalf("Runs of nothing = %v, %v", runs, err)
	}
	begin := func(id string, records ...Record) *Journal {
		j, err := Create(Dir(state, id))
		if err != nil {
			t.Fatal(err)
		}
		write(t, j, records...)
		return j
	}
	const (
		ended   = "20261122-141530-search-aaaa"
		crashed = "20261122-141531-search-aaaa"
		broken  = "20261122-141532-search-aaaa"
		running = "20261122-141532-later-aaaa"
		ordered = "20261122-141533-search-aaaa"
		noFile  = "20261122-141529-search-aaaa"
		scram   = "20261122-141534-search-aaaa"
	)
	running1 := begin(running, Record{What: Begin, Run: running, Time: time.Date(2026, 11, 22, 14, 15, 32, 5e8, time.UTC)})
	defer running1.Close()
	begin(ended, samples()...).Close()
	begin(crashed, samples()[:3]...).Close()
	begin(broken).Close()
	begin(scram, samples()[:5]...).Close()
	begin(ordered, append(samples()[:5], stamped(Record{What: Launch}))...).Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(filepath.Join(Dir(state, broken), fileName), []byte("what?\n"), 0o600))
	must(os.Mkdir(Dir(state, noFile), 0o700))
	must(os.Mkdir(Dir(state, "lost+found"), 0o700))
	must(os.WriteFile(Dir(state, "20261122-141532-afile-aaaa"), nil, 0o600))

	runs, err := Runs(state)
	if err != nil || len(runs) != 7 {
		t.Fatalf("Runs = %+v, %v", runs, err)
	}
	for i, id := range []string{noFile, ended, crashed, broken, running, ordered, scram} {
		r := runs[i]
		if r.ID != id {
			t.Fatalf("run %d is %s, not %s", i, r.ID, id)
		}
		if got, want := r.Err != nil, id == noFile || id == broken; got != want {
			t.Errorf("%s: %v", id, r.Err)
		}
		if got, want := r.Unsettled, id == crashed || id == broken || id == ordered; got != want {
			t.Errorf("%s: Unsettled = %v", id, got)
		}
		if got, want := !r.Scrammed.IsZero(), id == ended || id == scram; got != want {
			t.Errorf("%s: Scrammed = %v", id, got)
		}
		if r.Running != (id == running) || r.Crashed() != (id != running && id != ended) {
			t.Errorf("%s: running %v, crashed %v", id, r.Running, r.Crashed())
		}
		if r.Began.IsZero() {
			t.Errorf("%s never began", id)
		}
	}
	if r := runs[1]; r.Play != "search" || r.Provider != "local" || r.PID != 7 || r.Ended.IsZero() || r.Code != 0 {
		t.Errorf("%+v", r)
	}
}
