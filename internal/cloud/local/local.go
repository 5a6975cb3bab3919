// Package local gives machines that are child processes of gofab itself and serve real SSH on
// loopback: the whole of gofab can be tried with no account and no network.
//
// A machine is meant to be as hard to lose, and as easy to leave running by mistake, as one in a
// cloud. It outlives the process that launched it, until its time to live is over, and it is
// found again by looking at what is there: a directory <state>/<run>/machines/<name> whose lock
// file is held. The lock is taken before the process is made and inherited by it, so there is no
// moment at which a machine lives without holding it, and the kernel lets go of it when the
// machine is gone, however it went. No process id has to be believed.
//
// The parent decides everything before it starts the child: host key, address (the child
// inherits the listening socket) and date of death stand in machine.json. So Launch has nothing
// to wait for, and a launcher that is killed between any two of its steps leaves either a machine
// that Machines and Terminate find, or a directory and no machine.
//
// A machine can also be had alone, without a run, at an address and with keys that the caller
// chooses: see Start.
package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/dir"
)

// Provider launches machines under one state directory. Any number of Providers, in any number
// of processes, may share one.
type Provider struct {
	dir.Storage
}

var (
	_ cloud.Provider = (*Provider)(nil)
	_ cloud.Bucket   = (*Provider)(nil)
	_ cloud.Queue    = (*Provider)(nil)
	_ cloud.Pricer   = (*Provider)(nil)
)

// New returns the provider whose runs live under stateDir, one private directory each.
func New(stateDir string) *Provider {
	if abs, err := filepath.Abs(stateDir); err == nil {
		stateDir = abs
	}
	return &Provider{dir.Storage{Root: stateDir}}
}

// Name is "local".
func (p *Provider) Name() string { return "local" }

// Machines lists the machines of a run whose processes live, by number.
func (p *Provider) Machines(ctx context.Context, run string) ([]cloud.Machine, error) {
	if err := dir.CheckRun(run); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	places, err := p.places(run)
	if err != nil {
		return nil, fmt.Errorf("list machines of %s: %w", run, err)
	}
	var machines []cloud.Machine
	for _, place := range places {
		held, err := place.held()
		if err != nil {
			return nil, fmt.Errorf("list machines of %s: %w", run, err)
		}
		if held {
			machines = append(machines, place.machine())
		}
	}
	return machines, nil
}

// fleet is the directory that holds the run's machines.
func (p *Provider) fleet(run string) string { return filepath.Join(p.Root, run, "machines") }

func (p *Provider) place(run string, index int) place {
	return place{dir: filepath.Join(p.fleet(run), prefix+strconv.Itoa(index)), run: run, index: index}
}

// places lists the directories of the run's machines, dead ones included, by number.
func (p *Provider) places(run string) ([]place, error) {
	entries, err := os.ReadDir(p.fleet(run))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var places []place
	for _, e := range entries {
		if index, ok := numberOf(e.Name()); ok && e.IsDir() {
			places = append(places, p.place(run, index))
		}
	}
	sortByIndex(places)
	return places, nil
}
