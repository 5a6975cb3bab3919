package runner

import (
	"sync"
	"time"
)

// Event is one thing that happened. The stream of events is all that views know of a run, and
// what events.jsonl records, one JSON object a line. Fields that do not apply are left out.
// The schema is documented in docs/events.md; adding a field is compatible, renaming is not.
type Event struct {
	Time time.Time `json:"time"`
	Type EventType `json:"type"`

	Run  string `json:"run,omitempty"`  // run id, on run_start and run_end
	Play string `json:"play,omitempty"` // play's name, on run_start

	Step string `json:"step,omitempty"` // the step's name, or its kind and argument when it has none
	Kind string `json:"kind,omitempty"`
	Pos  string `json:"pos,omitempty"` // file:line:col of the step

	Host  string `json:"host,omitempty"`  // host's name
	Index *int   `json:"index,omitempty"` // host's index

	Status Status `json:"status,omitempty"` // on host_end and step_end

	Stream string `json:"stream,omitempty"` // stdout or stderr, on output
	Text   string `json:"text,omitempty"`   // a line without its end, a message, a reason
	Bytes  []byte `json:"bytes,omitempty"`  // instead of Text where a line is not UTF-8 (base64)
	Part   bool   `json:"part,omitempty"`   // the line goes on in the next event of this host and stream

	Code    *int    `json:"code,omitempty"`    // exit status, on host_end of a command and on run_end
	Changed bool    `json:"changed,omitempty"` // on host_end
	Ignored bool    `json:"ignored,omitempty"` // a failure that ignore_errors passed over
	Remedy  string  `json:"remedy,omitempty"`  // what to do about a failure
	Seconds float64 `json:"seconds,omitempty"` // how long it took, on *_end

	State   HostState `json:"state,omitempty"`   // on host_state
	Machine string    `json:"machine,omitempty"` // the provider's name for the host's machine, on host_state
	Address string    `json:"address,omitempty"` // of the machine, on host_state; left out while it has none

	Recap []HostRecap `json:"recap,omitempty"` // on run_end
	Cost  *Cost       `json:"cost,omitempty"`  // on run_end, when somebody bills the machines
}

// EventType is the kind of an Event.
type EventType string

// The types of events, in the order in which a run meets them.
const (
	RunStart   EventType = "run_start"
	StepStart  EventType = "step_start"
	HostChange EventType = "host_state" // a host's machine was seen in another state
	HostStart  EventType = "host_start" // a step begins on a host
	Output     EventType = "output"     // a line that a command wrote
	HostRetry  EventType = "host_retry" // an attempt failed and another follows
	HostEnd    EventType = "host_end"
	Won        EventType = "won"    // a host won the race
	Detail     EventType = "detail" // something for those who want to know it all
	Notice     EventType = "notice" // something the user should know; Text says what
	Warning    EventType = "warning"
	Print      EventType = "print" // what a print step says
	StepEnd    EventType = "step_end"
	RunEnd     EventType = "run_end"
)

// HostState is how far a host has come. What it is working on, the steps' own events say.
type HostState string

// The states of a host, in their order.
const (
	HostPending HostState = "pending" // its machine is ordered
	HostRunning HostState = "running" // its machine runs, and does not answer yet
	HostReady   HostState = "ready"   // it has answered SSH
)

// Status is how something ended.
type Status string

// How a step can end, on a host or as a whole.
const (
	OK          Status = "ok"
	Failed      Status = "failed"
	Unreachable Status = "unreachable"
	Skipped     Status = "skipped"
	Stopped     Status = "stopped" // cut short because the race was over, or the play
)

// HostRecap counts how a host's steps ended, in Ansible's words.
type HostRecap struct {
	Host        string `json:"host"`
	Index       int    `json:"index"`
	OK          int    `json:"ok"`
	Changed     int    `json:"changed"` // of those ok
	Unreachable int    `json:"unreachable"`
	Failed      int    `json:"failed"`
	Skipped     int    `json:"skipped"`
	Stopped     int    `json:"stopped"`
	Ignored     int    `json:"ignored"` // of those ok: failures that ignore_errors passed over
}

// Sink reads events. Handle is called by one goroutine at a time, in order; while it blocks, the
// commands whose output it holds up are held up too, so nothing is lost and memory stays bounded.
type Sink interface {
	Handle(Event)
}

// Events hands each event to every sink. It is safe for concurrent use.
type Events struct {
	mu    sync.Mutex
	sinks []Sink
}

// NewEvents returns a stream read by sinks.
func NewEvents(sinks ...Sink) *Events { return &Events{sinks: sinks} }

// Emit stamps the event with the time and hands it on.
func (e *Events) Emit(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ev.Time = time.Now()
	for _, s := range e.sinks {
		s.Handle(ev)
	}
}
