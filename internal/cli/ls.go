package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/journal"
	"github.com/gofab/gofab/runner"
)

func (a *app) lsCommand() *cobra.Command {
	var all, asJSON bool
	var r reach
	cmd := &cobra.Command{
		Use:   "ls [RUN…]",
		Short: "List runs that have machines, or a run's machines",
		Long: `List the runs that have machines or are in progress, as their providers see them: their
state, the number of machines, their age, the time until they end by themselves, and what
those that live have cost so far. With the names of runs, list the machines of these, one a
line.

With --provider aws it asks AWS, too, for runs that this computer knows nothing of: its own of
another day, and those of others who use the account.

Exit status: 1 when a provider could not be asked.`,
		Example:           "  gofab ls\n  gofab ls 20261122-141530-search-k7qz\n  gofab ls --provider aws --all-regions",
		ValidArgsFunction: completeRuns,
		Args:              func(*cobra.Command, []string) error { return r.check() },
		RunE: func(cmd *cobra.Command, ids []string) (err error) {
			a.code, err = list(cmd.Context(), r, ids, all, asJSON)
			return err
		},
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "list runs without machines, too")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print an array of JSON objects")
	r.flags(cmd)
	return cmd
}

// list prints runs, or the machines of those that are named.
func list(ctx context.Context, r reach, ids []string, all, asJSON bool) (int, error) {
	var rows []row
	var err error
	if r.provider == "" {
		rows, err = surveyOf(ctx, ids, all)
	} else {
		rows, err = r.found(ctx, ids, all)
	}
	if rows == nil && err != nil {
		return runner.ExitOK, err // Main knows the status
	}
	code := runner.ExitOK
	if slices.ContainsFunc(rows, func(r row) bool { return r.Error != "" }) {
		code = runner.ExitError
	}
	print := printTable
	switch {
	case asJSON:
		print = func(rows []row) error { return printJSON(rows) }
	case len(ids) > 0:
		print = printMachines
	}
	if printErr := print(rows); err == nil {
		err = printErr
	}
	return code, err
}

// row is a run as ls shows it.
type row struct {
	Run      string         `json:"run"`
	Play     string         `json:"play"`
	Provider string         `json:"provider"`
	Region   string         `json:"region,omitempty"`
	Owner    string         `json:"owner,omitempty"` // who launched it, when only the provider knows of it
	State    string         `json:"state"`           // running, crashed, scrammed, kept, left, ended, or found: known by the provider alone
	Machines int            `json:"machines"`
	Began    time.Time      `json:"began"`
	Expires  *time.Time     `json:"expires,omitempty"` // of the last machine
	Code     *int           `json:"code,omitempty"`    // exit status
	Error    string         `json:"error,omitempty"`   // why the provider could not be asked
	Names    []string       `json:"names"`
	Hosts    []machineRow   `json:"hosts"`          // its machines
	Cost     *runner.Cost   `json:"cost,omitempty"` // of those that live, so far
	journal  journal.Run    `json:"-"`
	provider cloud.Provider `json:"-"`
	traced   bool           // the provider was asked what it has, and has something
}

// surveyOf is survey for the named runs alone, whatever they have: nobody is asked about others.
func surveyOf(ctx context.Context, ids []string, all bool) ([]row, error) {
	if len(ids) == 0 {
		return survey(ctx, all)
	}
	state, err := journal.StateDir()
	if err != nil {
		return nil, err
	}
	runs, err := journal.Runs(state)
	if err != nil {
		return nil, err
	}
	rows := make([]row, len(runs))
	for i, run := range runs {
		rows[i] = row{Run: run.ID, journal: run}
	}
	if rows, err = choose(rows, ids, false); err != nil {
		return nil, &usageError{error: err, bare: true}
	}
	for i := range rows {
		rows[i] = look(ctx, state, rows[i].journal)
	}
	return rows, nil
}

// survey asks for every run of the state directory what its provider has of it.
func survey(ctx context.Context, all bool) ([]row, error) {
	state, err := journal.StateDir()
	if err != nil {
		return nil, err
	}
	runs, err := journal.Runs(state)
	if err != nil {
		return nil, err
	}
	rows := []row{}
	for _, run := range runs {
		r := look(ctx, state, run)
		if all || r.Machines > 0 || r.Error != "" || r.State == "running" {
			rows = append(rows, r)
		}
	}
	return rows, nil
}

func look(ctx context.Context, state string, run journal.Run) row {
	r := row{Run: run.ID, Play: run.Play, Provider: run.Provider, Region: run.Region, Began: run.Began, Names: []string{}, Hosts: []machineRow{}, journal: run}
	if !run.Ended.IsZero() {
		r.Code = &run.Code
	}
	var machines []cloud.Machine
	var err error
	if r.provider, err = providerOf(run, state); err == nil && !settled(run, r.provider) {
		machines, err = r.provider.Machines(ctx, run.ID)
	}
	if err != nil {
		r.Error = err.Error()
	}
	machines = slices.DeleteFunc(machines, func(m cloud.Machine) bool { return m.Launched.IsZero() }) // borrowed: nothing of it would go away
	r.Machines, r.Cost = len(machines), runner.CostSoFar(machines, time.Now())
	for _, m := range machines {
		r.Names = append(r.Names, m.Name)
		if !m.Expires.IsZero() && (r.Expires == nil || m.Expires.After(*r.Expires)) {
			r.Expires = &m.Expires
		}
	}
	if r.Expires == nil && run.Unsettled && !run.Expires.IsZero() {
		r.Expires = &run.Expires
	}
	r.Hosts = machineRows(machines, run)
	switch {
	case run.Running:
		r.State = "running"
	case run.Crashed() && r.Machines == 0 && !run.Scrammed.IsZero():
		r.State = "scrammed"
	case run.Crashed():
		r.State = "crashed"
	case r.Machines > 0:
		r.State = "kept"
		if run.Code == runner.ExitLeft {
			r.State = "left"
		}
	default:
		r.State = "ended"
	}
	return r
}

// settled tells whether there is no point in asking about a run: it has ended or was ended after a
// crash, its journal has the provider's word that nothing is left, the time of its machines is over,
// and asking takes a call over the network.
func settled(run journal.Run, p cloud.Provider) bool {
	_, remote := p.(cloud.Regional)
	over := !run.Ended.IsZero() || run.Crashed() && !run.Scrammed.IsZero()
	return remote && over && !run.Unsettled && time.Now().After(run.Expires)
}

func printTable(rows []row) error {
	if len(rows) == 0 {
		fmt.Fprintln(os.Stderr, "no machines, and no run in progress")
		return nil
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tPLAY\tPROVIDER\tSTATE\tMACHINES\tAGE\tTIME TO LIVE\tCOST")
	for _, r := range rows {
		ttl := "-"
		if r.Expires != nil {
			ttl = until(*r.Expires)
		}
		machines, cost := strconv.Itoa(r.Machines), r.Cost.Amount()
		if r.Error != "" {
			machines, cost = "?", "?"
		}
		state := r.State
		if now := inWords(r.Hosts); r.State == "running" && now != "" {
			state += ": " + now
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			r.Run, orDash(cmp.Or(r.Play, r.Owner)), orDash(r.Provider), state, machines, since(r.Began), ttl, cost)
		if r.Error != "" {
			fmt.Fprintf(os.Stderr, "%s: %s\n", r.Run, r.Error)
		}
	}
	return w.Flush()
}

// since and until are durations as tables show them; a dash where the time is not known.
func since(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return time.Since(t).Round(time.Second).String()
}

func until(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return time.Until(t).Round(time.Second).String()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func printJSON(v any) error {
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
