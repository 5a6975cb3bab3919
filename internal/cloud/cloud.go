// Package cloud is the narrow waist between a run and whoever gives it machines.
//
// It speaks in our own nouns and knows no SDK. The one rule that shapes it: what a run has
// created can be found and ended by asking the provider with nothing but the run's name, so a
// crash, at whatever moment, loses nothing. The contract below is checked by package cloudtest,
// which every provider's tests run.
package cloud

import (
	"context"
	"errors"
	"time"
)

// Machine is what a provider gives: something that answers SSH now or soon.
type Machine struct {
	ID       string    // the provider's name for it, unique within the provider
	Run      string    // the run it belongs to; empty for machines that are only borrowed
	Name     string    // like a host name: short, unique within the run
	Address  string    // host or IP address; empty while the provider does not know it yet
	Port     int       // 22 unless the provider says otherwise
	User     string    // login name
	HostKey  string    // public host key in authorized_keys form, pinned before the first connection; empty: by known_hosts
	Launched time.Time // zero for machines that are only borrowed
	Expires  time.Time // when it ends by itself; zero: never
	Login    Login
}

// Login is how a machine that we did not make wants to be logged in to. Machines made by Launch
// leave it zero: they take the run's own key.
type Login struct {
	KeyFile      string // private key; empty: the agent, then the usual files in ~/.ssh
	Password     string // never printed
	KnownHosts   string // empty: ~/.ssh/known_hosts
	AcceptNewKey bool   // an unknown host key is added to KnownHosts; a changed one is refused all the same
}

// LaunchSpec is an order for machines.
type LaunchSpec struct {
	Run     string        // tags every machine; the whole of what Machines and Terminate need
	Count   int           // machines the run shall have in the end, those of earlier calls included
	Type    string        // passed through; a provider that has no types ignores it
	Image   string        // passed through
	TTL     time.Duration // each machine ends by itself this long after its launch
	UserKey string        // public key that may log in, in authorized_keys form
}

// Provider makes, lists and ends machines. Its methods are safe for concurrent use.
type Provider interface {
	// Name is the word in `provider:`.
	Name() string

	// Launch brings the run up to spec.Count machines and returns all of the run's, in a stable
	// order. Each is tagged with the run and set to die after spec.TTL, whatever becomes of us.
	// It may be called again for the same run: it then adds only what is missing. Along with an
	// error it returns what it got.
	Launch(ctx context.Context, spec LaunchSpec) ([]Machine, error)

	// Machines lists what is alive of a run, in Launch's order, by asking the provider, never
	// from memory. An unknown run has none.
	Machines(ctx context.Context, run string) ([]Machine, error)

	// Terminate ends everything tagged with the run and returns when it is known to be ended.
	// Nothing to end is success; calling it twice is harmless.
	Terminate(ctx context.Context, run string) error
}

// Bucket is an optional role of a Provider: it keeps files beyond the machines' lives.
type Bucket interface {
	// Upload stores the local file under key (slash-separated, relative) and returns where it
	// is now, as a person would look for it (a path or URL).
	Upload(ctx context.Context, run, key, file string) (string, error)
}

// Queue is an optional role of a Provider: a mailbox of the run. Anybody who may write to it
// can end a race. It goes away with Terminate.
type Queue interface {
	// Open makes the run's queue, if it is not there, and returns how to write to it from
	// outside, as a person would (a path or URL).
	Open(ctx context.Context, run string) (string, error)
	// Send puts one message on the run's queue.
	Send(ctx context.Context, run string, body []byte) error
	// Receive waits for a message, takes it off the queue and returns it.
	Receive(ctx context.Context, run string) ([]byte, error)
}

// ErrTooFew is wrapped by Launch when it could not reach spec.Count.
var ErrTooFew = errors.New("fewer machines than asked for")
