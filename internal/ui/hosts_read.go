package ui

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// HostsFile is what Hosts writes: hosts.json in the run's directory (docs/events.md).
type HostsFile struct {
	Run     string    `json:"run"`
	Updated time.Time `json:"updated"`
	Ended   bool      `json:"ended"` // the run is over: this is the last version
	Hosts   []HostNow `json:"hosts"` // by index
}

// HostNow is how far a host is.
type HostNow struct {
	Host    string    `json:"host"`
	Index   int       `json:"index"`
	State   HostWord  `json:"state"`
	Machine string    `json:"machine,omitempty"` // the provider's name for it
	Address string    `json:"address,omitempty"` // of the machine; empty while it has none
	Since   time.Time `json:"since"`             // when it came to this state
}

// HostWord is the state of a host in one word.
type HostWord string

// The states of a host.
const (
	HostPending HostWord = "pending" // its machine is ordered
	HostRunning HostWord = "running" // its machine runs, and does not answer yet
	HostReady   HostWord = "ready"   // it has answered, and waits for work
	HostWorking HostWord = "working" // a step runs on it
	HostDone    HostWord = "done"    // it has left the play, or the play is over
	HostLost    HostWord = "lost"    // it could not be reached, or answers no more
)

// HostWords are the states in the order in which summaries list them: busy ones first.
var HostWords = []HostWord{HostWorking, HostReady, HostRunning, HostPending, HostDone, HostLost}

// ReadHosts reads what Hosts has written. A run that has not come so far has none, which is no
// error.
func ReadHosts(file string) (HostsFile, error) {
	var now HostsFile
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return now, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &now)
	}
	if err != nil {
		return HostsFile{}, fmt.Errorf("read the states of hosts: %w", err)
	}
	return now, nil
}
