// Package tasks holds the step kinds, a file each, and compiles a playbook into a runner.Play.
//
// Everything that can be known before a machine is paid for is checked here: the fields of each
// kind, the variables that each text mentions, local files, the roles that the provider lacks.
// All mistakes of a book come in one report. What a compiled step keeps is a closure over parsed
// templates; the engine never sees YAML.
package tasks

import (
	"maps"
	"slices"

	"github.com/gofab/gofab/internal/playbook"
	"github.com/gofab/gofab/runner"
)

// kind is a kind of step.
type kind struct {
	// compile reads the argument and gives the step its Host or Once function.
	compile func(c *compiler, arg playbook.Value, s *runner.Step)
	// command kinds take environment and failed_when.
	command bool
	// onHosts is set for kinds that need hosts to be there.
	onHosts bool
	// always steps run whatever happened before, without saying so.
	always bool
}

var kinds = map[string]kind{}

// register makes a kind known; each file of the package calls it for its own.
func register(name string, k kind) { kinds[name] = k }

// Kinds are the names of the step kinds, in order.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }
