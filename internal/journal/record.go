package journal

import "time"

// Record is one line of a journal. Fields that do not apply are left out; fields and kinds of
// record that a reader does not know, it passes over.
type Record struct {
	Time     time.Time `json:"time"`
	What     What      `json:"what"`
	Run      string    `json:"run,omitempty"`
	Play     string    `json:"play,omitempty"` // the play's name
	File     string    `json:"file,omitempty"` // the playbook's file
	Provider string    `json:"provider,omitempty"`
	Region   string    `json:"region,omitempty"`
	Count    int       `json:"count,omitempty"`    // machines ordered, on launch
	Token    string    `json:"token,omitempty"`    // makes repeating a launch harmless
	Machines []string  `json:"machines,omitempty"` // ids
	Code     *int      `json:"code,omitempty"`     // exit status of gofab, on end
	Error    string    `json:"error,omitempty"`
	PID      int       `json:"pid,omitempty"` // the process that wrote the record
}

// What says what a record is about.
type What string

// The records of a run, in their order. Launch and terminate come before the act, machines and
// terminated after it.
const (
	Begin      What = "begin"
	Launch     What = "launch"     // machines are about to be ordered
	Machines   What = "machines"   // these have come
	Terminate  What = "terminate"  // everything of the run is about to be ended
	Terminated What = "terminated" // the provider confirmed that nothing is left
	End        What = "end"
)
