package ui

import (
	"strconv"

	"github.com/gofab/gofab/runner"
)

// host is what the view remembers of a host. Hosts are compared by pointer.
type host struct {
	name   string
	prefix [2][]byte // "[name] " as it goes to stdout and stderr
	begun  [2]bool   // a line on stdout, stderr was begun and not ended
}

const maxIndex = 1 << 16 // beyond it hosts are found by name: an index must not cost memory

// output writes a line of a command, or a part of one. A line that goes on continues where it
// stopped, unless another line came between: then it was ended there and the prefix is repeated.
func (p *Plain) output(ev *runner.Event) {
	h := p.host(ev)
	o, stream := p.out, 0
	if ev.Stream == "stderr" {
		o, stream = p.err, 1
	}
	text := ev.Text
	if ev.Bytes != nil {
		text = string(ev.Bytes)
	}
	if o.open != h {
		if h.begun[stream] && text == "" && !ev.Part {
			h.begun[stream] = false // the line that this would end has been ended
			return
		}
		p.endOpenLine(o)
		o.buf = append(o.buf, h.prefix[stream]...)
	} else if p.shared {
		p.endOpenLine(p.other(o))
	}
	if o.Terminal {
		o.buf = appendSafe(o.buf, lastState(text), "\t")
	} else {
		o.buf = append(o.buf, text...)
	}
	o.open, h.begun[stream] = nil, ev.Part
	if ev.Part {
		o.open = h
	} else {
		o.buf = append(o.buf, '\n')
	}
	o.flush()
}

// endOpenLine makes sure that what o writes next begins a line, wherever the two streams meet.
func (p *Plain) endOpenLine(o *outlet) {
	if o.open != nil {
		o.buf = append(o.buf, '\n')
		o.open = nil
	}
	if other := p.other(o); p.shared && other.open != nil {
		other.buf = append(other.buf, '\n')
		other.open = nil
		other.flush()
	}
}

func (p *Plain) other(o *outlet) *outlet {
	if o == p.out {
		return p.err
	}
	return p.out
}

func (p *Plain) host(ev *runner.Event) *host {
	if ev.Index == nil || *ev.Index < 0 || *ev.Index >= maxIndex {
		h := p.named[ev.Host]
		if h == nil {
			h = p.newHost(ev.Host, len(p.named))
			p.named[ev.Host] = h
		}
		return h
	}
	i := *ev.Index
	for len(p.hosts) <= i {
		p.hosts = append(p.hosts, nil)
	}
	if p.hosts[i] == nil || p.hosts[i].name != ev.Host {
		p.hosts[i] = p.newHost(ev.Host, i)
	}
	return p.hosts[i]
}

// newHost prepares a host's prefixes. What runs on the controller has no host's name.
func (p *Plain) newHost(name string, i int) *host {
	h := &host{name: name}
	if name == "" && i == 0 {
		return h
	}
	if name == "" {
		name = strconv.Itoa(i)
	}
	for s, o := range []*outlet{p.out, p.err} {
		tag := "[" + name + "]"
		if o.Terminal {
			tag = string(appendSafe(nil, tag, ""))
		}
		if o.Color {
			h.prefix[s] = hostColors[i%len(hostColors)].append(nil, tag)
		} else {
			h.prefix[s] = []byte(tag)
		}
		h.prefix[s] = append(h.prefix[s], ' ')
	}
	return h
}
