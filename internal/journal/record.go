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
	First    int       `json:"first,omitempty"`    // number of the order's first machine; the others follow
	Min      int       `json:"min,omitempty"`      // machines that the order would be content with
	Type     string    `json:"type,omitempty"`     // kind of machine ordered
	Zone     string    `json:"zone,omitempty"`     // where, if that was said
	Expires  time.Time `json:"expires,omitzero"`   // of the machines ordered
	Machines []string  `json:"machines,omitempty"` // ids
	Account  string    `json:"account,omitempty"`  // whose the machines are
	Group    string    `json:"group,omitempty"`    // id of the security group that was made
	Code     *int      `json:"code,omitempty"`     // exit status of gofab, on end
	Error    string    `json:"error,omitempty"`
	PID      int       `json:"pid,omitempty"` // the process that wrote the record
}

// What says what a record is about.
type What string

// The records of a run, in their order. Launch, order and terminate come before the act, machines
// and terminated after it. A launch may take several orders; a provider that needs them to look
// for what it has ordered writes them itself, and machines with the token of the one answered.
const (
	Begin      What = "begin"
	Launch     What = "launch"     // machines are about to be ordered
	Queue      What = "queue"      // a queue is about to be made
	Group      What = "group"      // a security group is about to be made; again, with its id, when it is there
	Order      What = "order"      // one request to the provider is about to be sent
	Machines   What = "machines"   // these have come
	Terminate  What = "terminate"  // everything of the run is about to be ended
	Terminated What = "terminated" // the provider confirmed that nothing is left
	End        What = "end"
)
