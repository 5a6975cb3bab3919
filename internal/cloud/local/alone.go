package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Order says what a machine is like that belongs to no Provider.
type Order struct {
	Dir      string        // its directory, which does not exist yet; the base name is its host name
	Listen   net.TCPAddr   // where it serves SSH; port 0: any
	HostKey  []byte        // private, PEM; nil: a fresh one
	UserKeys string        // of those who may log in, in authorized_keys form, one a line; there may be none
	TTL      time.Duration // after which it ends by itself
}

// Machine is one that Start has started. Whoever lets it out under a name of their own (an
// endpoint for tests that plays a cloud) has to keep it: no Provider lists it.
type Machine struct {
	place place
	ended <-chan struct{}
}

// Start makes a machine. Its socket listens when Start returns.
func Start(o Order) (*Machine, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	if _, err := parseKeys(o.UserKeys); err != nil {
		return nil, fmt.Errorf("machine %s: user keys: %w", dir, err)
	}
	if o.TTL <= 0 {
		return nil, fmt.Errorf("machine %s: it needs a time to live, %s is none", dir, o.TTL)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, err
	}
	p := placeAt(dir)
	ended, err := p.bear(nature{listen: o.Listen, hostKey: o.HostKey, userKeys: o.UserKeys, ttl: o.TTL, generation: generation(p.fleet())})
	if err != nil {
		return nil, fmt.Errorf("machine %s: %w", dir, err)
	}
	return &Machine{place: p, ended: ended}, nil
}

// Ended is closed when the machine's process has ended, however it did.
func (m *Machine) Ended() <-chan struct{} { return m.ended }

// Log is what the machine has written so far: its console, then its system log.
func (m *Machine) Log() string {
	console, _ := os.ReadFile(m.place.file("console.log"))
	syslog, _ := os.ReadFile(m.place.syslog())
	return string(console) + string(syslog)
}

// End ends the machine and everything it has started, and removes its directory. It can be
// repeated, and called for a machine that has ended by itself.
func (m *Machine) End(ctx context.Context) error {
	if err := m.place.end(ctx); err != nil {
		return err
	}
	select { // the lock is given up a moment before
	case <-m.ended:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	var err error
	if left := killMarked(m.place.dir+"\x00", grace); len(left) > 0 {
		err = fmt.Errorf("processes %v of machine %s cannot be killed", left, m.place.dir)
	}
	return errors.Join(err, remove(m.place.dir))
}
