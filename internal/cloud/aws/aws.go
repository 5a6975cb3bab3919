// Package aws gives machines of EC2, a queue of SQS and a bucket of S3, over aws-sdk-go-v2.
//
// It is written for the moment at which something goes wrong. What costs money is found again by
// asking EC2 for our tags (package tag), which RunInstances itself puts on whatever it makes; a
// machine shuts itself down when its time is over (package userdata), and shutting down terminates
// it. Before each RunInstances its client token stands in the run's journal, so an answer that was
// lost is asked for again instead of ordering twice. EC2 shows what it has made only after a while:
// until then the journal stands in for it.
//
// One Provider works in one region. It asks for nothing until it is used.
package aws

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/dir"
)

// Provider launches instances in one region. Any number of Providers, in any number of processes,
// may work on the same run.
type Provider struct {
	pace
	state  string // directory of the runs' directories
	region string // empty until the configuration is loaded, unless it was given

	mu     sync.Mutex
	loaded *clients
	died   map[string]string        // by instance id: of what
	born   map[string]cloud.Machine // by instance id: as our own orders were answered
}

var (
	_ cloud.Provider = (*Provider)(nil)
	_ cloud.Checker  = (*Provider)(nil)
	_ cloud.Regional = (*Provider)(nil)
	_ cloud.Pricer   = (*Provider)(nil)
	_ cloud.Obituary = (*Provider)(nil)
	_ cloud.Sweeper  = (*Provider)(nil)
	_ cloud.Bucket   = (*Provider)(nil)
	_ cloud.Queue    = (*Provider)(nil)
)

// New returns the provider of a region; empty means the one that the environment or the profile
// names. runs is the directory that holds the runs' own directories, with their journals.
func New(runs, region string) *Provider {
	return &Provider{pace: realPace, state: runs, region: region, died: map[string]string{}, born: map[string]cloud.Machine{}}
}

// Name is "aws".
func (p *Provider) Name() string { return "aws" }

// Region is where the provider works, or empty when nothing says so.
func (p *Provider) Region() string {
	p.clients(context.Background())
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.region
}

// callLimit is for one call, with all its attempts.
const callLimit = 45 * time.Second

// pace is how long is waited for what has no signal of its own.
type pace struct {
	tick time.Duration // between two looks at the same things

	// effect is how long after it was sent a call may have its effect.
	effect time.Duration

	// settling has to pass before something that EC2 does not show is not there. EC2 gives no
	// promise; it is seconds as a rule.
	settling time.Duration
}

var realPace = pace{tick: time.Second, effect: callLimit, settling: 30 * time.Second}

// runDir is the run's directory of state.
func (p *Provider) runDir(run string) (string, error) {
	if err := dir.CheckRun(run); err != nil {
		return "", err
	}
	return filepath.Join(p.state, run), nil
}

// lock makes this launch, or termination, the only one of the run on this computer. The run's
// directory must be there.
func (p *Provider) lock(ctx context.Context, run string) (unlock func(), err error) {
	where, err := p.runDir(run)
	if err != nil {
		return nil, err
	}
	return dir.Lock(ctx, filepath.Join(where, "launch.lock"))
}

// owner is how others in the account can tell whose machines these are.
func owner() string {
	name := os.Getenv("USER")
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, _ := os.Hostname()
	return tagSafe(fmt.Sprintf("%s@%s", cmp.Or(name, "somebody"), cmp.Or(host, "somewhere")))
}

var notInTags = regexp.MustCompile(`[^\pL\pN\pZ_.:/=+\-@]`)

// tagSafe makes a value of a text that a tag can have: at most 256 characters of a few kinds.
func tagSafe(s string) string {
	runes := []rune(notInTags.ReplaceAllString(s, "_"))
	return string(runes[:min(len(runes), 256)])
}

// pause waits, and tells whether there is a point in going on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
