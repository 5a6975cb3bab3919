package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/journal"
	"github.com/gofab/gofab/internal/ui"
	"github.com/gofab/gofab/runner"
)

// hostsFile, in a run's directory, says how far its hosts are.
const hostsFile = "hosts.json"

// machineRow is a machine as ls shows it.
type machineRow struct {
	Host     string       `json:"host"`
	State    ui.HostWord  `json:"state"` // by the run while it lives, else as the provider sees it: pending or running
	Machine  string       `json:"machine"`
	Type     string       `json:"type,omitempty"`
	Zone     string       `json:"zone,omitempty"`
	Address  string       `json:"address,omitempty"`
	Launched time.Time    `json:"launched"`
	Expires  *time.Time   `json:"expires,omitempty"`
	Cost     *runner.Cost `json:"cost,omitempty"` // so far
}

// machineRows puts together what the provider says of a run's machines and, while the run is in
// progress, what the run says of its hosts. When it is not, nobody knows more than the provider.
func machineRows(machines []cloud.Machine, run journal.Run) []machineRow {
	var now ui.HostsFile
	if run.Running {
		now, _ = ui.ReadHosts(filepath.Join(run.Dir, hostsFile)) // it only adds to what the provider says
	}
	hosts := make(map[string]ui.HostNow, len(now.Hosts))
	for _, h := range now.Hosts {
		hosts[h.Machine] = h
	}
	rows := make([]machineRow, len(machines))
	for i, m := range machines {
		rows[i] = machineRow{
			Host: m.Name, State: ui.HostRunning, Machine: m.ID, Type: m.Type, Zone: m.Zone, Address: m.Address,
			Launched: m.Launched, Cost: runner.CostSoFar(machines[i:i+1], time.Now()),
		}
		if m.State == cloud.Pending {
			rows[i].State = ui.HostPending
		}
		if !m.Expires.IsZero() {
			rows[i].Expires = &machines[i].Expires
		}
		if h, ok := hosts[m.ID]; ok {
			rows[i].Host, rows[i].State = h.Host, h.State
		}
	}
	return rows
}

// inWords counts machines by their states: 5 working, 2 ready, 1 pending.
func inWords(rows []machineRow) string {
	count := map[ui.HostWord]int{}
	for _, r := range rows {
		count[r.State]++
	}
	var parts []string
	for _, word := range ui.HostWords {
		if n := count[word]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, word))
		}
	}
	return strings.Join(parts, ", ")
}

// printMachines lists the machines of runs, one a line.
func printMachines(rows []row) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	if slices.ContainsFunc(rows, func(r row) bool { return len(r.Hosts) > 0 }) {
		fmt.Fprintln(w, "HOST\tSTATE\tMACHINE\tTYPE\tZONE\tADDRESS\tAGE\tTIME TO LIVE\tCOST")
	}
	for _, r := range rows {
		switch {
		case r.Error != "":
			fmt.Fprintf(os.Stderr, "%s: %s\n", r.Run, r.Error)
		case len(r.Hosts) == 0:
			fmt.Fprintf(os.Stderr, "%s: no machines\n", r.Run)
		}
		for _, m := range r.Hosts {
			ttl := "-"
			if m.Expires != nil {
				ttl = until(*m.Expires)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", m.Host, m.State, m.Machine, orDash(m.Type), orDash(m.Zone), orDash(m.Address),
				since(m.Launched), ttl, m.Cost.Amount())
		}
	}
	return w.Flush()
}
