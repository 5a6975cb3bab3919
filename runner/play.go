// Package runner is the engine: it runs a compiled play.
//
// A run is a plain sequence of steps over one Run. Parallelism is across hosts and lives in two
// functions, Each (every host, every error kept) and First (a success stops the others).
// Everything that happens is one stream of Events. There is one way down, Scram. The package
// knows no YAML, no SSH library, no cloud SDK and no terminal.
package runner

import (
	"context"
	"io"
	"time"

	"github.com/gofab/gofab/internal/source"
)

// Play is a playbook that was compiled: whatever could be known to be wrong with it is known not
// to be.
type Play struct {
	Name     string
	File     string
	Deadline time.Duration // for all that is not an always step; 0: none
	Reserve  time.Duration // kept beyond the deadline, or an interrupt, for always steps
	Budget   float64       // US dollars that the machines may cost before the play is stopped; 0: any
	Forks    int           // hosts at once; 0: all
	Steps    []*Step
}

// Step is one entry of steps:. Exactly one of Host and Once is set.
type Step struct {
	Name string
	Kind string
	Pos  source.Pos

	When         Condition // nil: yes
	FailedWhen   Condition // nil: a status other than 0 is a failure
	Until        Condition // nil: an attempt that did not fail
	Retries      int       // attempts after the first
	Delay        time.Duration
	Timeout      time.Duration // of one attempt; 0: none
	Register     string
	Always       bool
	IgnoreErrors bool

	// Host does the step's work on (or for) one host.
	Host func(context.Context, *Task) (Result, error)
	// Once does the step's work one time, on the controller.
	Once func(context.Context, *Task) (Result, error)

	Forks int   // hosts at once; 0: the play's
	Race  *Race // not nil: the first success stops the others; every host takes part at once

	// Before sees all hosts that will take part, and can refuse before anything is done.
	Before func([]*Task) error
	// After is called when all hosts are done, whatever came of them and of the run, and ends what
	// the step has left under way.
	After func() error
}

// Race says how a race ends besides by a success.
type Race struct {
	// Announce puts the winner on the run's queue, and lets a message from outside end the race.
	Announce bool
}

// Condition is a compiled expression.
type Condition func(Scope) (bool, error)

// Scope is what expressions can mention, by name. Callers may add to the one that they are given.
type Scope map[string]any

// Task is one doing of a step: on one host, or on the controller.
type Task struct {
	Run    *Run
	Step   *Step
	Host   *Host // nil on the controller
	Scope  Scope
	Stdout io.Writer // for what a command writes; becomes Output events, a line each
	Stderr io.Writer
}

// Result is what a step has to say for itself. It is a success unless an error comes along with
// it or its Status is judged a failure.
type Result struct {
	Command bool // there was a command, so Status and output mean something
	Status  int
	Changed bool
	Text    string         // for a person
	Fields  map[string]any // more for register

	stdout, stderr string
	truncated      bool
	seconds        float64
}
