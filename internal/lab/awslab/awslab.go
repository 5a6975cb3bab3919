// Package awslab is an AWS for tests: EC2, SQS, STS and S3 behind one port of loopback, to which
// AWS_ENDPOINT_URL steers a whole SDK. Tests start one in their own process, and the program
// under test, as a child process, takes it for AWS.
//
// It behaves rather than replays. Instances go from pending to running to shutting-down to
// terminated in their own time, and can be real machines that answer SSH with the host key of
// their user data and shut down when their timer runs out; a new instance is not visible at once;
// a client token is honoured; a group in use cannot be deleted; a queue's name cannot be reused
// for a minute. A parameter that EC2 does not document is refused, and so is an action that a
// test denies. Every call is recorded, and faults can be put in its way: errors, answers that are
// lost after the effect, delays, fewer machines than asked for.
//
// Signatures are not verified, but a request without one is refused, and the region that it was
// signed for is the region it is about: each has its own state. The state lives in memory and
// ends with the Endpoint.
//
// What a call is answered stands in AWS's own documentation of the action; where a file follows
// something less known it names its source.
package awslab

import (
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Account is the number of the one account there is.
const Account = "123456789012"

// Config says how the endpoint behaves. The zero value is one whose instances are records, run
// at once and are never forgotten within an hour.
type Config struct {
	Dir      string         // of the machines' state; default: a fresh temporary one, removed by Close
	Boot     time.Duration  // from pending to running
	Login    time.Duration  // from running until a machine serves SSH
	Address  time.Duration  // from running until the addresses are shown
	Visible  time.Duration  // until a new instance or security group can be found
	Shutdown time.Duration  // from shutting-down to terminated, from stopping to stopped
	Forget   time.Duration  // from terminated until nothing is known of the instance; default 1 h
	Minute   time.Duration  // of `shutdown -h +N` in user data; default time.Minute
	Reuse    time.Duration  // until a deleted queue's name can be used again; default 60 s
	Page     int            // entries of a page when the request does not say; default 1000
	Machines bool           // instances are machines that serve SSH on port 22 of an address in 127.0.0.0/8; it needs root
	Quota    int            // on-demand vCPUs of a region; 0: unlimited
	Capacity map[string]int // instances by "zone/type", e.g. "us-east-1a/t3.micro"; what is not in it is unlimited
	Denied   []string       // actions that the caller may not call, e.g. "RunInstances"
}

// Endpoint is a running one. Its methods may be called concurrently.
type Endpoint struct {
	cfg     Config
	tempDir bool
	server  *http.Server
	url     string
	s3      s3

	closing chan struct{}
	work    sync.WaitGroup // the instances' lives, and the server

	mu      sync.Mutex // guards what follows, and the regions
	closed  bool
	regions map[string]*region
	calls   []Call
	faults  []*Fault
	hook    func(Moment, Call)
}

// Start starts an endpoint on a free port of 127.0.0.1. Close it.
func Start(cfg Config) (*Endpoint, error) {
	e := &Endpoint{closing: make(chan struct{}), regions: map[string]*region{}, s3: newS3()}
	if cfg.Machines && cfg.Dir == "" {
		dir, err := os.MkdirTemp("", "awslab-")
		if err != nil {
			return nil, err
		}
		cfg.Dir, e.tempDir = dir, true
	}
	e.cfg = cfg.withDefaults()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e.url = "http://" + ln.Addr().String()
	e.server = &http.Server{Handler: http.HandlerFunc(e.serve)}
	e.work.Go(func() { e.server.Serve(ln) })
	return e, nil
}

func (c Config) withDefaults() Config {
	c.Forget = defaultTo(c.Forget, time.Hour)
	c.Minute = defaultTo(c.Minute, time.Minute)
	c.Reuse = defaultTo(c.Reuse, time.Minute)
	c.Page = defaultTo(c.Page, 1000)
	return c
}

func defaultTo[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// URL is what AWS_ENDPOINT_URL has to be.
func (e *Endpoint) URL() string { return e.url }

// Env is the environment of a client: the endpoint, a region and credentials.
func (e *Endpoint) Env() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + e.url,
		"AWS_REGION=us-east-1",
		"AWS_DEFAULT_REGION=us-east-1", // what clients in Python read
		"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
		"AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		"AWS_EC2_METADATA_DISABLED=true",
	}
}

// Close ends every machine and the server. When it returns no process is left.
func (e *Endpoint) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	e.mu.Unlock()
	close(e.closing)
	err := e.server.Close()
	e.work.Wait()
	if e.tempDir {
		os.RemoveAll(e.cfg.Dir)
	}
	return err
}

// Reveal has everything that exists be found from now on, whatever Visible says.
func (e *Endpoint) Reveal() {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	for _, r := range e.regions {
		for _, i := range r.instances {
			i.visible = now
		}
		for _, g := range r.groups {
			g.visible = now
		}
	}
}

// sleep waits for d, or less when ended or the endpoint is closed first.
func (e *Endpoint) sleep(d time.Duration, ended <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ended:
	case <-e.closing:
	}
}

// region is the state of one.
type region struct {
	name      string
	sequence  int // counts what is created, which gives pages their order
	instances map[string]*instance
	volumes   map[string]*volume
	groups    map[string]*group
	keys      map[string]*keyPair  // by name
	tags      map[string]tags      // by resource id
	tokens    map[string]*launch   // by client token
	queues    map[string]*queue    // by name
	deleted   map[string]time.Time // queues, by name
}

// region returns the one of that name, made when it is first heard of. The caller holds e.mu.
func (e *Endpoint) region(name string) *region {
	r := e.regions[name]
	if r == nil {
		r = &region{
			name: name, instances: map[string]*instance{}, volumes: map[string]*volume{}, groups: map[string]*group{}, keys: map[string]*keyPair{},
			tags: map[string]tags{}, tokens: map[string]*launch{}, queues: map[string]*queue{}, deleted: map[string]time.Time{},
		}
		r.addDefaultGroup()
		e.regions[name] = r
	}
	return r
}

func (r *region) next() int {
	r.sequence++
	return r.sequence
}
