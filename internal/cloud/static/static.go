// Package static lends out machines that you already own: an inventory of hosts, each with its
// own way to log in.
//
// A run borrows the first hosts of the inventory. Which ones is remembered under the run's state,
// so that another process can tell; Terminate forgets them again and never touches a host. Bucket
// and queue are directories, as with local machines.
package static

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"strconv"
	"sync"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/dir"
	"github.com/gofab/gofab/internal/source"
)

// Host is one line of an inventory, with the defaults filled in.
type Host struct {
	Name    string // unique within the inventory
	Address string // host name or IP address, without brackets
	Port    int
	User    string
	Login   cloud.Login
	Pos     source.Pos // where it was written
}

// id names a host uniquely: an inventory holds each user@host:port once.
func (h Host) id() string {
	return h.User + "@" + h.target()
}

func (h Host) target() string { return net.JoinHostPort(h.Address, strconv.Itoa(h.Port)) }

// Provider lends the hosts of one inventory.
type Provider struct {
	dir.Storage
	hosts []Host
	mu    sync.Mutex // over the record of what runs have borrowed
}

var (
	_ cloud.Provider = (*Provider)(nil)
	_ cloud.Bucket   = (*Provider)(nil)
	_ cloud.Queue    = (*Provider)(nil)
)

// New returns a provider of these hosts, an inventory as ParseInventory or Check returns it,
// which keeps its records under stateDir.
func New(stateDir string, hosts []Host) *Provider {
	return &Provider{Storage: dir.Storage{Root: stateDir}, hosts: hosts}
}

// Name is "static".
func (p *Provider) Name() string { return "static" }

// Launch borrows the first spec.Count hosts, all of them when Count is 0. When the inventory has
// fewer, they are returned along with an error that wraps cloud.ErrTooFew.
func (p *Provider) Launch(ctx context.Context, spec cloud.LaunchSpec) ([]cloud.Machine, error) {
	if err := p.ready(ctx, spec.Run); err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	if spec.Count < 0 {
		return nil, fmt.Errorf("launch: %d machines", spec.Count)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	before, err := p.read(spec.Run)
	if err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	want := cmp.Or(spec.Count, len(p.hosts))
	machines := p.lend(max(want, len(before)))
	if err := p.write(spec.Run, machines); err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	if len(machines) < want {
		return machines, fmt.Errorf("launch: %w: %d wanted, the inventory has %d", cloud.ErrTooFew, want, len(machines))
	}
	return machines, nil
}

// Machines lists what the run has borrowed. Passwords are known only for hosts that are in this
// provider's inventory: they are not written down.
func (p *Provider) Machines(ctx context.Context, run string) ([]cloud.Machine, error) {
	if err := p.ready(ctx, run); err != nil {
		return nil, fmt.Errorf("list machines: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	machines, err := p.read(run)
	if err != nil {
		return nil, fmt.Errorf("list machines of %s: %w", run, err)
	}
	logins := map[string]cloud.Login{}
	for _, h := range p.hosts {
		logins[h.id()] = h.Login
	}
	for i, m := range machines {
		if login, ok := logins[m.ID]; ok {
			machines[i].Login = login
		}
	}
	return machines, nil
}

// Terminate forgets what the run has borrowed and removes its queue. The hosts live on.
func (p *Provider) Terminate(_ context.Context, run string) error {
	if err := dir.CheckRun(run); err != nil {
		return fmt.Errorf("terminate: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := os.Remove(p.record(run)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("terminate %s: %w", run, err)
	}
	return p.CloseQueue(run)
}

func (p *Provider) ready(ctx context.Context, run string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return dir.CheckRun(run)
}

// lend returns the first n hosts as machines, or as many as there are.
func (p *Provider) lend(n int) []cloud.Machine {
	var machines []cloud.Machine
	for _, h := range p.hosts[:min(n, len(p.hosts))] {
		machines = append(machines, cloud.Machine{
			ID: h.id(), Name: h.Name, Address: h.Address, Port: h.Port, User: h.User, Login: h.Login,
		})
	}
	return machines
}

func currentUser() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return os.Getenv("USER")
}
