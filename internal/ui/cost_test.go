package ui

import (
	"strings"
	"testing"

	"github.com/gofab/gofab/runner"
)

func TestCostLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cost *runner.Cost
		want string
	}{
		{nil, ""},
		{&runner.Cost{Machines: 8, MachineSeconds: 411.2, USD: 0.0123}, "COST 8 machines, 412 machine-seconds, $0.0123\n"},
		{&runner.Cost{Machines: 1, MachineSeconds: 60, USD: 0.5, AtMost: true}, "COST 1 machine, 60 machine-seconds, at most $0.50\n"},
		{
			&runner.Cost{Machines: 8, MachineSeconds: 480, Unknown: 8, Unpriced: []runner.Unpriced{{Type: "c9z.large", Zone: "eu-north-9a", Machines: 8}}},
			"COST 8 machines, 480 machine-seconds\n  price unknown for 8 × c9z.large in eu-north-9a: not counted\n",
		},
		{
			&runner.Cost{Machines: 3, MachineSeconds: 180, USD: 0.02, Unknown: 1, Unpriced: []runner.Unpriced{{Machines: 1}}, Running: 1},
			"COST 3 machines, 180 machine-seconds, $0.02\n  price unknown for 1 × machine: not counted\n  1 machine may still run, and cost\n",
		},
	} {
		var out strings.Builder
		NewPlain(Stream{W: &strings.Builder{}}, Stream{W: &out}, Options{}).cost(c.cost)
		if out.String() != c.want {
			t.Errorf("%+v reads\n%s", c.cost, out.String())
		}
	}
}
