package awslab

import (
	"time"

	"github.com/gofab/gofab/internal/cloud/local"
)

// state is what an instance is in, by EC2's code.
type state int

const (
	pending      state = 0
	running      state = 16
	shuttingDown state = 32
	terminated   state = 48
	stopping     state = 64
	stopped      state = 80
)

func (s state) String() string {
	switch s {
	case pending:
		return "pending"
	case running:
		return "running"
	case shuttingDown:
		return "shutting-down"
	case terminated:
		return "terminated"
	case stopping:
		return "stopping"
	}
	return "stopped"
}

// reason is why an instance is in its state.
type reason struct {
	Code    string `xml:"code"`
	Message string `xml:"message"`
}

var (
	byUser   = reason{"Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown"}
	byItself = reason{"Client.InstanceInitiatedShutdown", "Client.InstanceInitiatedShutdown: Instance initiated shutdown"}
)

// instance is one of EC2's. What changes of it is guarded by the endpoint's mu.
type instance struct {
	id, eni, sir string
	index        int // in its launch
	number       int // in its region
	launch       *launch
	region       *region
	volumes      []*volume
	address      string // public and private, in 127.0.0.0/8
	visible      time.Time
	ending       chan struct{} // closed when it leaves pending and running
	again        chan struct{} // closed when, stopped, it is terminated

	state   state
	reason  *reason
	running time.Time // when it began to run
	machine *local.Machine
	console string // of a machine that has ended
}

func (i *instance) order() int { return i.number }

// shutDown lets the instance end in its own time. What becomes of one that shuts down by itself
// was said at its launch. The caller holds mu.
func (i *instance) shutDown(why reason) {
	switch i.state {
	case stopped, stopping:
		i.state = shuttingDown
		close(i.again)
	case pending, running:
		i.state = shuttingDown
		if why == byItself && i.launch.behavior == "stop" {
			i.state = stopping
		}
		close(i.ending)
	default:
		return
	}
	i.reason = &why
}

// fail terminates the instance at once. The caller holds mu.
func (i *instance) fail(why reason) {
	i.shutDown(why)
	i.settle()
}

// settle makes an instance that shuts down a terminated one, and one that stops a stopped one.
// The caller holds mu.
func (i *instance) settle() {
	switch i.state {
	case stopping:
		i.state = stopped
	case shuttingDown:
		i.state = terminated
		for _, v := range i.volumes {
			v.detach()
		}
	}
}

// Fail lets an instance die, also a pending one: it is terminated at once, and its machine, if it
// has one, is killed. The code is one of StateReason's, such as Server.InternalError. It says
// whether there is such an instance, and it lived.
func (e *Endpoint) Fail(id, code, message string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.regions {
		if i := r.instances[id]; i != nil && i.state != terminated {
			i.fail(reason{code, message})
			return true
		}
	}
	return false
}
