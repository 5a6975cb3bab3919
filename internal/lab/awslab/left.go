package awslab

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Left lists every resource that lives, in all regions: instances that are not terminated,
// volumes that outlived theirs, security groups that were created, key pairs and queues.
func (e *Endpoint) Left() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var left []string
	for _, name := range slices.Sorted(maps.Keys(e.regions)) {
		r := e.regions[name]
		add := func(kind, what string) { left = append(left, fmt.Sprintf("%s: %s %s", name, kind, what)) }
		for _, i := range sorted(r.instances) {
			if i.state != terminated {
				add("instance", i.id+" "+i.state.String())
			}
		}
		for _, v := range sorted(r.volumes) {
			if v.instance == nil {
				add("volume", v.id)
			}
		}
		for _, g := range sorted(r.groups) {
			if g.name != defaultGroup {
				add("security group", g.id+" "+g.name)
			}
		}
		for _, k := range sorted(r.keys) {
			add("key pair", k.name)
		}
		for _, q := range slices.Sorted(maps.Keys(r.queues)) {
			add("queue", q)
		}
	}
	return left
}

// Instance is what the endpoint knows of one.
type Instance struct {
	ID, Region, Zone, Type string
	Image                  string
	State                  string
	Reason                 string // code of the StateReason
	Address                string // where its machine serves, shown to clients or not
	Token                  string // ClientToken of its launch
	UserData               string // as sent, base64
	Spot                   bool
	Launched               time.Time
	Groups                 []string // ids
	Tags                   map[string]string
}

// Instances lists all that are not forgotten, terminated ones as well, by region and in the order
// of launch.
func (e *Endpoint) Instances() []Instance {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []Instance
	for _, name := range slices.Sorted(maps.Keys(e.regions)) {
		for _, i := range sorted(e.regions[name].instances) {
			all = append(all, i.snapshot())
		}
	}
	return all
}

func (i *instance) snapshot() Instance {
	l := i.launch
	s := Instance{
		ID: i.id, Region: i.region.name, Zone: l.zone, Type: l.hardware.name, Image: l.image.id, State: i.state.String(), Address: i.address, Token: l.token,
		UserData: l.userData, Spot: l.spot, Launched: l.time, Tags: maps.Clone(map[string]string(i.region.tags[i.id])),
	}
	if i.reason != nil {
		s.Reason = i.reason.Code
	}
	for _, g := range l.groups {
		s.Groups = append(s.Groups, g.id)
	}
	return s
}
