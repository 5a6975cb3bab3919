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
	"fmt"
	"path"
	"path/filepath"
	"strings"
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
	State    State     // as far as the provider sees; empty: Running
	Type     string    // the kind of machine, in the provider's words; empty where there are no kinds
	Zone     string    // where it runs, in the provider's words; empty where there is only one place
	Price    *Price    // nil: nobody bills it
	Login    Login
}

// State is what a provider sees of a machine that is alive.
type State string

// The states of a machine. One that has ended is not listed any more.
const (
	Pending State = "pending" // ordered; it has no operating system yet
	Running State = "running" // it boots, or has booted: only SSH can tell
)

// Login is how a machine that we did not make wants to be logged in to. Machines made by Launch
// leave it zero: they take the run's own key.
type Login struct {
	KeyFile      string // private key; empty: the agent, then the usual files in ~/.ssh
	Password     string // never printed
	KnownHosts   string // empty: ~/.ssh/known_hosts
	AcceptNewKey bool   // an unknown host key is added to KnownHosts; a changed one is refused all the same
}

// LaunchSpec is an order for machines. What a provider has no use for it ignores, so that a play
// can be tried with another one; where empty means a choice, the provider makes it.
type LaunchSpec struct {
	Run     string        // tags every machine; the whole of what Machines and Terminate need
	Count   int           // machines the run shall have in the end, those of earlier calls included
	Min     int           // with this many the caller is content when there are no more; 0: Count
	TTL     time.Duration // each machine ends by itself this long after its launch
	UserKey string        // public key that may log in, in authorized_keys form

	Types         []string // kinds of machine; the later ones when the earlier are not to be had
	Zones         []string // likewise
	Image         string   // what it boots from
	User          string   // whom the image lets in
	Subnet        string
	SecurityGroup string  // one that there is; empty: the provider sees to it that we alone get in
	KeyPair       string  // one that the provider knows, let in beside UserKey
	Spot          bool    // cheaper, and the provider may take it back
	Volume        int     // GiB of disk; 0: the image's
	PrivateIP     bool    // reached by its private address, and has no other
	Hourly        float64 // US dollars an hour for one machine, where the caller knows better; 0: the provider's price
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
	// Upload stores a local file. It is safe for concurrent use.
	Upload(ctx context.Context, o Object) (Stored, error)
}

// Object is a file on its way to a bucket.
type Object struct {
	Run    string
	Bucket string // name; empty, or where the provider has but one: the provider's choice
	Create bool   // make the bucket when it is not there
	Key    string // slash-separated and relative
	File   string // local path

	// Sent, when it is set, is told how many bytes of the file are there by now, as a large one
	// makes progress; from any goroutine, and not necessarily at all.
	Sent func(bytes int64)
}

// CheckKey refuses a key that is absolute, not clean or leads out of the bucket.
func (o Object) CheckKey() error {
	if o.Key == "." || path.Clean(o.Key) != o.Key || strings.ContainsRune(o.Key, 0) || !filepath.IsLocal(filepath.FromSlash(o.Key)) {
		return fmt.Errorf("upload %s: key %q is not a clean relative path", o.File, o.Key)
	}
	return nil
}

// Stored is an object that is in its bucket.
type Stored struct {
	Place     string // as a person would look for it: a path or URL
	Unchanged bool   // it was there already, with the same content
}

// Queue is an optional role of a Provider: a mailbox of the run. Anybody who may write to it
// can end a race.
type Queue interface {
	// Open makes the run's queue, if it is not there, and returns how to write to it from
	// outside, as a person would (a path or URL). A name means a queue that there is: it is used
	// instead, and outlives the run; the run's own goes away with Terminate. Providers that have
	// but one kind of queue ignore the name. expires is when nobody can need the queue any more;
	// zero: that is not known.
	Open(ctx context.Context, run, name string, expires time.Time) (string, error)

	// Send puts one message on the run's queue.
	Send(ctx context.Context, run string, body []byte) error

	// Receive waits for a message, takes it off the queue and returns it.
	Receive(ctx context.Context, run string) ([]byte, error)
}

// Checker is an optional role of a Provider: it can tell early whether it will be able to work.
type Checker interface {
	// Check returns within seconds, and has made nothing. The error says what to do about it.
	Check(ctx context.Context) error
}

// Regional is an optional role of a Provider: what it makes is in one region, and only somebody
// who knows it finds it again.
type Regional interface {
	Region() string
}

// Pricer is an optional role of a Provider that bills.
type Pricer interface {
	// Price is what one machine of the order costs, or the dearest of those that it may become.
	Price(spec LaunchSpec) Price
}

// Obituary is an optional role of a Provider that remembers dead machines for a while.
type Obituary interface {
	// Why says in words why a machine of the run has ended; empty: nobody knows.
	Why(ctx context.Context, run, id string) string
}

// Sweeper is an optional role of a Provider that can find runs without knowing their names.
type Sweeper interface {
	// Runs lists all runs of which there is still something, whoever has launched them. Along
	// with an error it lists those that it has found.
	Runs(ctx context.Context) ([]Trace, error)
}

// Trace is what a provider still has of a run.
type Trace struct {
	Run      string
	Owner    string // who launched it, as far as the provider was told
	Machines int
	Expires  time.Time // of the last machine; zero when nobody knows
}

// ErrTooFew is wrapped by Launch when it could not reach spec.Count.
var ErrTooFew = errors.New("fewer machines than asked for")
