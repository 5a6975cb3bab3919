package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gofab/gofab/internal/journal"
	"github.com/gofab/gofab/internal/source"
	"github.com/gofab/gofab/runner"
)

func (a *app) scramCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "scram [RUN…]",
		Short: "End everything that runs have created",
		Long: `End the machines and queues of the named runs, or of all runs, and prove it by asking the
provider. It works after a crash, from another process, and twice. What buckets hold stays.

Exit status: 0 when nothing is left, 10 when something may be.`,
		Example: "  gofab scram --all\n  gofab scram 20261122-141530-search-k7qz",
		Args: func(_ *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return errors.New("name the runs to end (gofab ls lists them), or say --all")
			}
			return nil
		},
		ValidArgsFunction: completeRuns,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			a.code, err = scram(cmd.Context(), args, all)
			return err
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every run")
	return cmd
}

// scram ends the named runs, one after the other; trouble with one does not spare the next.
func scram(ctx context.Context, ids []string, all bool) (int, error) {
	rows, err := survey(ctx, true)
	if err != nil {
		return runner.ExitError, err
	}
	chosen, err := choose(rows, ids, all)
	if err != nil {
		return runner.ExitUsage, err
	}
	code := runner.ExitOK
	for _, r := range chosen {
		if all && r.Machines == 0 && r.Error == "" && !r.journal.Unsettled {
			continue
		}
		if err := scramRun(ctx, r); err != nil {
			code = runner.ExitLeft
			fmt.Fprintf(os.Stderr, "gofab: %s: scram incomplete: %v\nsomething may still run and cost: try again with  gofab scram %s\n", r.Run, err, r.Run)
		}
	}
	return code, nil
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
	j, err := journal.Open(r.journal.Dir)
	if err != nil {
		// The journal is for us; what it would say of this scram matters less than the scram.
		fmt.Fprintf(os.Stderr, "gofab: warning: %s: %v\n", filepath.Join(r.journal.Dir, "journal.jsonl"), err)
	} else {
		defer j.Close()
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
	fmt.Printf("%s: %d %s ended, nothing is left\n", r.Run, r.Machines, machines)
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
