package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/errgroup"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/dir"
)

// launchers is how many machines are started at the same time. More only makes a queue in the
// kernel: starting is forking.
const launchers = 8

var errTerminated = errors.New("the run was terminated meanwhile")

// Launch starts what is missing and returns without waiting for the children: their sockets
// listen already. A dead machine is replaced by one with a new number; its directory stays until
// Terminate, for whoever wants to know what it died of.
func (p *Provider) Launch(ctx context.Context, spec cloud.LaunchSpec) ([]cloud.Machine, error) {
	if err := check(spec); err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	fleet := p.fleet(spec.Run)
	if err := os.MkdirAll(fleet, 0o700); err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	began := generation(fleet)
	err := p.launchMissing(ctx, spec, began)
	machines, listErr := p.Machines(context.WithoutCancel(ctx), spec.Run)
	if err == nil {
		return machines, listErr
	}
	return machines, errors.Join(fmt.Errorf("launch: %w (%d of %d): %w", cloud.ErrTooFew, len(machines), spec.Count, err), listErr)
}

func check(spec cloud.LaunchSpec) error {
	if err := dir.CheckRun(spec.Run); err != nil {
		return err
	}
	if spec.Count < 0 {
		return fmt.Errorf("%d machines", spec.Count)
	}
	if spec.TTL <= 0 {
		return fmt.Errorf("a machine needs a time to live, %s is none", spec.TTL)
	}
	if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(spec.UserKey)); err != nil {
		return fmt.Errorf("user key: %w", err)
	}
	return nil
}

// launchMissing starts machines, several at a time, until the run has spec.Count, ctx ends, one
// cannot be started, or the fleet is not of the generation any more that the launch began with.
func (p *Provider) launchMissing(ctx context.Context, spec cloud.LaunchSpec, began int64) error {
	fleet := p.fleet(spec.Run)
	unlock, err := lockFleet(ctx, fleet)
	if err != nil {
		return err
	}
	defer unlock()
	places, err := p.places(spec.Run)
	if err != nil {
		return err
	}
	alive, err := p.Machines(ctx, spec.Run)
	if err != nil {
		return err
	}
	next := 0
	if len(places) > 0 {
		next = places[len(places)-1].index + 1
	}

	group, going := errgroup.WithContext(ctx)
	group.SetLimit(launchers)
	for i := range spec.Count - len(alive) {
		group.Go(func() error {
			if going.Err() != nil {
				return context.Cause(going)
			}
			if generation(fleet) != began {
				return errTerminated
			}
			_, err := p.place(spec.Run, next+i).bear(nature{
				listen: net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, userKeys: spec.UserKey, ttl: spec.TTL, generation: began, hourly: spec.Hourly,
			})
			return err
		})
	}
	return group.Wait()
}
