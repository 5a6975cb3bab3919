package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/aws"
	"github.com/gofab/gofab/internal/journal"
	"github.com/gofab/gofab/internal/source"
)

// reach is where scram and reap look for runs besides the state directory: at a provider, which
// knows them by their tags, in regions.
type reach struct {
	provider   string
	regions    []string
	allRegions bool

	seen []string // the regions that were asked
}

func (r *reach) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&r.provider, "provider", "", "ask this provider for runs, too: it needs no state of ours (aws)")
	f.StringSliceVar(&r.regions, "region", nil, "in these regions, besides those that journals name and the environment's")
	f.BoolVar(&r.allRegions, "all-regions", false, "in all regions that the account can use")
}

// check refuses flags that make no sense together.
func (r *reach) check() error {
	switch {
	case r.provider != "" && !slices.Contains(providers, r.provider):
		err := fmt.Errorf("unknown provider %q", r.provider)
		if hint := source.Suggest(r.provider, providers); hint != "" {
			err = fmt.Errorf("%w; %s", err, hint)
		}
		return err
	case r.provider != "" && r.provider != "aws":
		return fmt.Errorf("--provider is for aws: what %s has is in the state directory", r.provider)
	case r.provider == "" && (r.allRegions || len(r.regions) > 0):
		return errors.New("--region and --all-regions go with --provider aws")
	}
	return nil
}

// rows are the runs of the state directory and, where the provider is to be asked, those that it
// has something of. A region that cannot be asked is an error that comes along with the others'.
func (r *reach) rows(ctx context.Context) ([]row, error) {
	rows, err := survey(ctx, true)
	if err != nil || r.provider == "" {
		return rows, err
	}
	state, err := journal.StateDir()
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(have row) bool { return have.Provider != r.provider })
	where, err := r.where(ctx, state, rows)
	if err != nil {
		return nil, err
	}
	r.seen = where
	var errs []error
	for _, region := range where {
		p, err := newProvider(r.provider, state, region, nil)
		if err != nil {
			return nil, err
		}
		traces, err := p.(cloud.Sweeper).Runs(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", region, withRemedy(err)))
		}
		for _, t := range traces {
			rows = trace(rows, t, p, region)
		}
	}
	return rows, errors.Join(errs...)
}

// asked says for people where rows has looked.
func (r *reach) asked() string {
	if len(r.seen) == 0 {
		return ""
	}
	return ": asked " + r.provider + " in " + strings.Join(r.seen, ", ")
}

// found are the rows that ls shows: those that are named, or those of which there is something.
func (r *reach) found(ctx context.Context, ids []string, all bool) ([]row, error) {
	rows, err := r.rows(ctx)
	if len(ids) > 0 {
		rows, unknown := choose(rows, ids, false)
		return rows, errors.Join(err, unknown)
	}
	return slices.DeleteFunc(rows, func(r row) bool {
		return !all && !r.traced && r.Machines == 0 && r.Error == "" && r.State != "running"
	}), err
}

// where are the regions to ask: those that are named, that journals name, and the environment's.
func (r *reach) where(ctx context.Context, state string, rows []row) ([]string, error) {
	here := aws.New(state, "")
	if r.allRegions {
		all, err := here.Regions(ctx)
		if err != nil {
			return nil, withRemedy(err)
		}
		return all, nil
	}
	regions := slices.Clone(r.regions)
	if region := here.Region(); region != "" {
		regions = append(regions, region)
	}
	for _, have := range rows {
		if region := have.journal.Region; region != "" {
			regions = append(regions, region)
		}
	}
	if len(regions) == 0 {
		return nil, withRemedy(here.Check(ctx))
	}
	slices.Sort(regions)
	return slices.Compact(regions), nil
}

// trace takes in a run that the provider has something of: another one, or more of what is known
// of one of the state directory.
func trace(rows []row, t cloud.Trace, p cloud.Provider, region string) []row {
	i := slices.IndexFunc(rows, func(have row) bool { return have.Run == t.Run })
	if i < 0 {
		i, rows = len(rows), append(rows, row{Run: t.Run, Provider: p.Name(), Region: region, State: "found", Names: []string{}, Hosts: []machineRow{}, provider: p})
	}
	r := &rows[i]
	r.Owner, r.Machines, r.traced = t.Owner, t.Machines, true
	if !t.Expires.IsZero() && (r.Expires == nil || t.Expires.After(*r.Expires)) {
		r.Expires = &t.Expires
	}
	return rows
}

// expired tells whether a run has outlived its time: nobody can be using it any more.
func (r row) expired() bool { return r.Expires != nil && time.Now().After(*r.Expires) }
