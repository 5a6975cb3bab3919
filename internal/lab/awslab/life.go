package awslab

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/gofab/gofab/internal/cloud/local"
)

// unarmed is how long a machine lives whose user data sets no time: an endpoint that was killed
// leaves none for longer.
const unarmed = time.Hour

// live is an instance's life, from its launch until nothing is known of it. It runs on a
// goroutine of its own, which Close awaits; when it returns the machine has ended.
func (e *Endpoint) live(i *instance) {
	e.sleep(e.cfg.Boot, i.ending)
	if e.run(i) {
		e.attend(i)
	}
	e.end(i)
	e.sleep(e.cfg.Shutdown, nil)
	if e.settled(i) == stopped {
		e.sleep(unlimited, i.again)
		e.sleep(e.cfg.Shutdown, nil)
		e.settled(i)
	}
	e.sleep(e.cfg.Forget, nil)
	e.forget(i)
}

const unlimited time.Duration = 1<<63 - 1

// run makes a pending instance a running one, and says whether it did.
func (e *Endpoint) run(i *instance) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if i.state != pending || e.closed {
		return false
	}
	i.state, i.reason, i.running = running, nil, time.Now()
	return true
}

// attend waits until the instance has to end, which it may decide itself.
func (e *Endpoint) attend(i *instance) {
	ended, err := e.boot(i)
	if err != nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		i.fail(reason{"Server.InternalError", "Server.InternalError: Internal error on launch: " + err.Error()})
		return
	}
	select {
	case <-ended:
		e.mu.Lock()
		defer e.mu.Unlock()
		i.shutDown(byItself)
	case <-i.ending:
	case <-e.closing:
	}
}

// boot starts what runs in the instance; the channel tells when that has ended by itself.
func (e *Endpoint) boot(i *instance) (<-chan struct{}, error) {
	data := i.launch.data
	ttl := unarmed
	if data.armed {
		ttl = time.Duration(data.minutes) * e.cfg.Minute
	}
	dies := i.running.Add(ttl)
	if !e.cfg.Machines {
		ended := make(chan struct{})
		if data.armed {
			e.work.Go(func() {
				e.sleep(time.Until(dies), i.ending)
				close(ended)
			})
		}
		return ended, nil
	}
	e.sleep(e.cfg.Login, i.ending)
	if isClosed(i.ending) || isClosed(e.closing) {
		return nil, nil
	}
	keys := data.authorized
	if k := i.launch.key; k != nil {
		keys += k.authorized() + "\n"
	}
	machine, err := local.Start(local.Order{
		Dir:     filepath.Join(e.cfg.Dir, i.region.name, "machines", i.id),
		Listen:  net.TCPAddr{IP: net.ParseIP(i.address), Port: 22},
		HostKey: data.hostKey, UserKeys: keys,
		TTL: max(time.Millisecond, time.Until(dies)),
	})
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	i.machine = machine
	return machine.Ended(), nil
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// end ends the machine, if there is one, and keeps its console.
func (e *Endpoint) end(i *instance) {
	e.mu.Lock()
	machine := i.machine
	e.mu.Unlock()
	if machine == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	console := i.launch.data.problem + machine.Log()
	if err := machine.End(ctx); err != nil {
		console += fmt.Sprintf("the machine could not be ended: %v\n", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	i.machine, i.console = nil, console
}

// settled ends the transition that the instance is in, and returns the state that it got to.
func (e *Endpoint) settled(i *instance) state {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		i.settle()
	}
	return i.state
}

// forget takes an instance out of what Describe shows.
func (e *Endpoint) forget(i *instance) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	delete(i.region.instances, i.id)
	for _, id := range []string{i.id, i.eni, i.sir} {
		delete(i.region.tags, id)
	}
}
