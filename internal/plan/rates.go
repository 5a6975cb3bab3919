package plan

import (
	"maps"
	"slices"
)

// Measured are the rates of one core by processor, in nonces per second with the fastest kernel,
// as `make bench-miner` gave them (docs/performance.md). A processor that nobody has measured is
// not in it: measure one machine, or have the play do it.
var Measured = map[string]float64{
	"epyc-genoa": 27.55e6, // AMD EPYC, Zen 4, SHA-NI
}

// Processors are the names in Measured, in order.
func Processors() []string { return slices.Sorted(maps.Keys(Measured)) }
