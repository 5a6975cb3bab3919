package ui

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofab/gofab/runner"
)

// A host's state follows from what its machine and its steps do.
func TestHostsFold(t *testing.T) {
	change := func(s runner.HostState) runner.Event {
		return runner.Event{Type: runner.HostChange, State: s, Machine: "i-1", Address: "10.0.0.1"}
	}
	end := func(s runner.Status) runner.Event { return runner.Event{Type: runner.HostEnd, Status: s} }
	start := runner.Event{Type: runner.HostStart}
	for name, c := range map[string]struct {
		events []runner.Event
		want   HostWord
	}{
		"ordered":                  {[]runner.Event{change(runner.HostPending)}, HostPending},
		"boots":                    {[]runner.Event{change(runner.HostPending), change(runner.HostRunning)}, HostRunning},
		"boots, with a step":       {[]runner.Event{change(runner.HostRunning), start}, HostRunning},
		"answers, with a step":     {[]runner.Event{start, change(runner.HostReady)}, HostWorking},
		"between steps":            {[]runner.Event{change(runner.HostReady), start, end(runner.OK)}, HostReady},
		"passed over":              {[]runner.Event{change(runner.HostReady), end(runner.Skipped)}, HostReady},
		"lost a race":              {[]runner.Event{change(runner.HostReady), start, end(runner.Stopped)}, HostReady},
		"failed":                   {[]runner.Event{change(runner.HostReady), start, end(runner.Failed)}, HostDone},
		"failed, and it is no bad": {[]runner.Event{change(runner.HostReady), start, {Type: runner.HostEnd, Status: runner.Failed, Ignored: true}}, HostReady},
		"failed, always step":      {[]runner.Event{change(runner.HostReady), end(runner.Failed), start}, HostWorking},
		"unreachable":              {[]runner.Event{change(runner.HostRunning), start, end(runner.Unreachable)}, HostLost},
		"died, replaced":           {[]runner.Event{change(runner.HostRunning), start, change(runner.HostPending)}, HostPending},
		"the end":                  {[]runner.Event{change(runner.HostReady), {Type: runner.RunEnd}}, HostDone},
		"the end of a lost one":    {[]runner.Event{end(runner.Unreachable), {Type: runner.RunEnd}}, HostLost},
		"something unknown":        {[]runner.Event{change(runner.HostReady), {Type: "weather"}}, HostReady},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "hosts.json")
			h := NewHosts(file, func(err error) { t.Error(err) })
			index := 1
			for _, ev := range c.events {
				ev.Time, ev.Host, ev.Index = time.Unix(1, 0), "web-1", &index
				h.Handle(ev)
			}
			if err := h.Close(); err != nil {
				t.Fatal(err)
			}
			now, err := ReadHosts(file)
			if err != nil || len(now.Hosts) != 2 {
				t.Fatalf("%v, %v", now, err)
			}
			if got := now.Hosts[1]; got.State != c.want || got.Host != "web-1" || got.Index != 1 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// The file is written a few times a second at the most, and what came last is not forgotten.
func TestHostsWritesSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "hosts.json")
		h := NewHosts(file, func(err error) { t.Error(err) })
		began, writes, last := time.Now(), 0, ""
		for i := range 1000 {
			h.Handle(runner.Event{Time: time.Now(), Type: runner.HostChange, Host: fmt.Sprint("web-", i%10), Index: new(i % 10), State: runner.HostReady, Machine: fmt.Sprint("i-", i)})
			time.Sleep(time.Millisecond)
			synctest.Wait()
			if data, err := os.ReadFile(file); err == nil && string(data) != last {
				writes, last = writes+1, string(data)
			}
		}
		if took := time.Since(began); writes < 3 || writes > 5 {
			t.Errorf("%d writes in %v", writes, took)
		}
		time.Sleep(time.Second) // nothing happens
		synctest.Wait()
		now, err := ReadHosts(file)
		if err != nil || now.Hosts[9].Machine != "i-999" || now.Hosts[0].Machine != "i-990" {
			t.Errorf("%+v, %v", now, err)
		}
		h.Close()
	})
}

// A file that cannot be written is told of once.
func TestHostsCannotWrite(t *testing.T) {
	t.Parallel()
	var told []string
	h := NewHosts(filepath.Join(t.TempDir(), "nowhere", "hosts.json"), func(err error) { told = append(told, err.Error()) })
	for range 3 {
		h.Handle(runner.Event{Type: runner.RunStart, Time: time.Now()})
		h.Close()
	}
	if len(told) != 1 || !strings.HasPrefix(told[0], "write the states of hosts: ") {
		t.Errorf("told %q", told)
	}
}

func TestReadHosts(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "hosts.json")
	if now, err := ReadHosts(file); err != nil || now.Hosts != nil {
		t.Errorf("%v, %v", now, err)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadHosts(file); err == nil {
		t.Error("half a file was believed")
	}
}
