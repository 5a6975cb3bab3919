package ui

import (
	"fmt"
	"math"

	"github.com/gofab/gofab/runner"
)

// cost is the line under the recap that says what the machines have cost, where somebody bills
// them, and what of it nobody knows.
func (p *Plain) cost(c *runner.Cost) {
	if c == nil {
		return
	}
	text := fmt.Sprintf("%s, %.0f machine-seconds", machines(c.Machines), math.Ceil(c.MachineSeconds))
	if c.Unknown < c.Machines {
		known := *c
		known.Unknown = 0 // the notes say it, with what it is
		text += ", " + known.Amount()
	}
	var notes []string
	for _, u := range c.Unpriced {
		notes = append(notes, fmt.Sprintf("price unknown for %d × %s: not counted", u.Machines, u))
	}
	if c.Running > 0 {
		notes = append(notes, machines(c.Running)+" may still run, and cost")
	}
	p.note(bold, "COST", text, notes...)
}

func machines(n int) string {
	if n == 1 {
		return "1 machine"
	}
	return fmt.Sprintf("%d machines", n)
}
