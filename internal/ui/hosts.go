package ui

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/gofab/gofab/runner"
)

// writeEvery is how often the file is written at the most.
const writeEvery = 250 * time.Millisecond

// Hosts folds the events of a run into a small file that says where every host is, for those who
// look on from outside. It is written a few times a second at the most, as a whole. Like any
// runner.Sink it is told of events one at a time; the file may lag behind by writeEvery.
type Hosts struct {
	file    string
	onError func(error)

	mu      sync.Mutex
	now     HostsFile
	far     []progress // by index
	written time.Time
	timer   *time.Timer // runs when there is something to write
	failed  bool
	closed  bool
}

// NewHosts returns a view that writes file, readable by the user alone. onError is told of the
// first failed write; later ones are given up, and the play goes on.
func NewHosts(file string, onError func(error)) *Hosts {
	return &Hosts{file: file, onError: onError, now: HostsFile{Hosts: []HostNow{}}}
}

// Handle takes the event in.
func (h *Hosts) Handle(ev runner.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch ev.Type {
	case runner.RunStart:
		h.now.Run = ev.Run
	case runner.HostChange, runner.HostStart, runner.HostEnd:
		if ev.Index == nil || *ev.Index < 0 {
			return
		}
		h.host(&ev, *ev.Index)
	case runner.RunEnd:
		h.now.Ended = true
		for i := range h.now.Hosts {
			h.set(i, cmp.Or(h.far[i].left, HostDone), ev.Time)
		}
	default:
		return
	}
	h.changed(ev.Time)
}

// progress is what a host's state is made of.
type progress struct {
	reached runner.HostState // how far its machine is, whatever it works on
	works   bool             // a step has begun on it, and not ended
	left    HostWord         // done or lost, when it has left the play
}

func (p progress) word() HostWord {
	switch {
	case p.works && p.reached == runner.HostReady:
		return HostWorking
	case p.left != "":
		return p.left
	}
	return HostWord(p.reached)
}

// host takes in an event of one host.
func (h *Hosts) host(ev *runner.Event, i int) {
	for len(h.now.Hosts) <= i {
		h.now.Hosts = append(h.now.Hosts, HostNow{Index: len(h.now.Hosts), State: HostPending, Since: ev.Time})
		h.far = append(h.far, progress{reached: runner.HostPending})
	}
	host, p := &h.now.Hosts[i], &h.far[i]
	host.Host = ev.Host
	switch ev.Type {
	case runner.HostChange:
		p.reached, host.Machine, host.Address = ev.State, ev.Machine, ev.Address
	case runner.HostStart:
		p.works = true
	default:
		p.works = false
		switch {
		case ev.Status == runner.Unreachable:
			p.left = HostLost
		case ev.Status == runner.Failed && !ev.Ignored:
			p.left = HostDone
		}
	}
	h.set(i, p.word(), ev.Time)
}

func (h *Hosts) set(i int, word HostWord, at time.Time) {
	if host := &h.now.Hosts[i]; host.State != word {
		host.State, host.Since = word, at
	}
}

// changed sees to it that the file is written, now or soon.
func (h *Hosts) changed(at time.Time) {
	h.now.Updated = at
	if h.timer != nil || h.failed {
		return
	}
	h.later()
}

func (h *Hosts) later() {
	h.timer = time.AfterFunc(max(0, writeEvery-time.Since(h.written)), func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.timer != nil {
			h.write()
		}
	})
}

// write replaces the file, so that a reader never sees half of it.
func (h *Hosts) write() {
	h.timer, h.written = nil, time.Now()
	data, err := json.Marshal(h.now)
	if err == nil {
		err = os.WriteFile(h.file+".new", append(data, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(h.file+".new", h.file)
	}
	switch {
	case noFiles(err) && !h.closed:
		h.later() // connections end
	case err != nil && !h.failed:
		h.failed = true
		report(h.onError, fmt.Errorf("write the states of hosts: %w", err))
	}
}

// Close writes the last version.
func (h *Hosts) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	if h.timer != nil {
		h.timer.Stop()
		h.write()
	}
	return nil
}
