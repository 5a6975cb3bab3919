package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gofab/gofab/internal/journal"
	"github.com/gofab/gofab/internal/source"
	"github.com/gofab/gofab/runner"
)

func (a *app) scramCommand() *cobra.Command {
	var all bool
	var r reach
	cmd := &cobra.Command{
		Use:   "scram [RUN…]",
		Short: "End everything that runs have created",
		Long: `End the machines, queues and security groups of the named runs, or of all runs, and prove
it by asking the provider. It works after a crash, from another process, and twice. What
buckets hold stays.

With --provider aws it asks AWS for runs by their tags, so that no state of gofab's own is
needed: after the loss of a computer, for example. --all then means every run of the account
in these regions, whoever has launched it.

Exit status: 0 when nothing is left, 10 when something may be.`,
		Example: `  gofab scram --all
  gofab scram 20261122-141530-search-k7qz
  gofab scram --all --provider aws --all-regions`,
		Args: func(_ *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return errors.New("name the runs to end (gofab ls lists them), or say --all")
			}
			return r.check()
		},
		ValidArgsFunction: completeRuns,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			a.code, err = scram(cmd.Context(), args, all, r)
			return err
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every run")
	r.flags(cmd)
	return cmd
}

func (a *app) reapCommand() *cobra.Command {
	var r reach
	cmd := &cobra.Command{
		Use:   "reap",
		Short: "End what has outlived its time",
		Long: `End everything of runs whose machines should have ended by themselves by now. Machines do
that without help; what can be left behind is what outlives them: a queue, a security group.
Runs whose time is not over are left alone, so it can be run from a timer.

Exit status: 0 when nothing is left of them, 10 when something may be.`,
		Example: "  gofab reap --provider aws --all-regions",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return errors.New("reap takes no runs: it ends all whose time is over")
			}
			return r.check()
		},
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			rows, lookErr := r.rows(cmd.Context())
			rows = slices.DeleteFunc(rows, func(r row) bool { return !r.expired() || r.State == "running" })
			a.code, err = scramRows(cmd.Context(), rows, r.asked(), lookErr)
			return err
		},
	}
	r.flags(cmd)
	return cmd
}

// scram ends the named runs, one after the other; trouble with one does not spare the next.
func scram(ctx context.Context, ids []string, all bool, r reach) (int, error) {
	rows, lookErr := r.rows(ctx)
	if rows == nil && lookErr != nil {
		return runner.ExitError, lookErr
	}
	chosen, err := choose(rows, ids, all)
	if err != nil {
		return runner.ExitUsage, err
	}
	if all { // one that has crashed is asked about, too: its journal shall have it that nothing is left
		chosen = slices.DeleteFunc(chosen, func(r row) bool {
			return !r.traced && r.Machines == 0 && r.Error == "" && !r.journal.Unsettled && r.State != "crashed"
		})
	}
	return scramRows(ctx, chosen, r.asked(), lookErr)
}

// scramRows ends runs. lookErr says that there may be others that could not be looked for; where is
// what was looked at, for people.
func scramRows(ctx context.Context, rows []row, where string, lookErr error) (int, error) {
	code := runner.ExitOK
	for _, r := range rows {
		if err := scramRun(ctx, r); err != nil {
			code = runner.ExitLeft
			fmt.Fprintf(os.Stderr, "gofab: %s: scram incomplete: %v\nsomething may still run and cost: try again with  %s\n", r.Run, withRemedy(err), r.scramCommand())
		}
	}
	if len(rows) == 0 && lookErr == nil {
		fmt.Fprintln(os.Stderr, "nothing to end"+where)
	}
	if lookErr != nil {
		return runner.ExitLeft, fmt.Errorf("there may be more, which could not be looked for: %w", lookErr)
	}
	return code, nil
}

// scramCommand is what to type to end the run.
func (r row) scramCommand() string {
	if r.State == "found" {
		return fmt.Sprintf("gofab scram %s --provider %s --region %s", r.Run, r.Provider, r.Region)
	}
	return "gofab scram " + r.Run
}

func choose(rows []row, ids []string, all bool) ([]row, error) {
	if all {
		return rows, nil
	}
	var chosen []row
	known := make([]string, len(rows))
	byID := make(map[string]row, len(rows))
	for i, r := range rows {
		known[i], byID[r.Run] = r.Run, r
	}
	for _, id := range ids {
		r, ok := byID[id]
		if !ok {
			hint := source.Suggest(id, known)
			if hint == "" {
				hint = "gofab ls -a lists them all"
			}
			return nil, fmt.Errorf("no run %s; %s", id, hint)
		}
		chosen = append(chosen, r)
	}
	return chosen, nil
}

func scramRun(ctx context.Context, r row) error {
	if r.provider == nil {
		return errors.New(r.Error)
	}
	if r.State == "running" {
		fmt.Fprintf(os.Stderr, "%s is in progress (process %d): its machines go away under it\n", r.Run, r.journal.PID)
	}
	var j *journal.Journal
	if r.journal.Dir != "" {
		var err error
		if j, err = journal.Append(r.journal.Dir); err != nil {
			// The journal is for us; what it would say of this scram matters less than the scram.
			fmt.Fprintf(os.Stderr, "gofab: warning: %s: %v\n", filepath.Join(r.journal.Dir, "journal.jsonl"), err)
		} else {
			defer j.Close()
		}
	}
	if err := runner.Scram(ctx, r.provider, r.Run, j, func(err error) {
		fmt.Fprintf(os.Stderr, "gofab: %s: %v; trying again\n", r.Run, err)
	}); err != nil {
		return err
	}
	machines := "machines"
	if r.Machines == 1 {
		machines = "machine"
	}
	whose := ""
	if r.Owner != "" {
		whose = " of " + r.Owner
	}
	fmt.Printf("%s%s: %d %s ended, nothing is left\n", r.Run, whose, r.Machines, machines)
	return nil
}

func completeRuns(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	rows, err := survey(cmd.Context(), false)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var ids []string
	for _, r := range rows {
		ids = append(ids, r.Run+"\t"+r.Play)
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}
