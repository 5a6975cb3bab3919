package awslab

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"
)

// launch is what one RunInstances has started: a reservation.
type launch struct {
	id, token, params string
	time              time.Time
	count             int // of instances to start
	image             image
	hardware          hardware
	zone              string
	subnet            string
	groups            []*group
	key               *keyPair
	keyName           string
	behavior          string // at a shutdown from inside: stop or terminate
	userData          string // base64, as it was sent
	data              userData
	spot              bool
	public            bool // has a public address
	protected         bool // DisableApiTermination
	metadata          metadataItem
	disks             []disk
	tags              map[string]tags
	instances         []*instance
}

// runInstances starts all or, between MinCount and MaxCount, as many as there is capacity for. A
// client token that was used is answered with what it started then.
func runInstances(r *request) (any, error) {
	l, err := r.readLaunch()
	if err != nil {
		return nil, err
	}
	if earlier := r.tokens[l.token]; l.token != "" && earlier != nil {
		return r.repeat(l, earlier)
	}
	if err := r.allot(l); err != nil {
		return nil, err
	}
	for n := range l.count {
		l.instances = append(l.instances, r.newInstance(l, n))
	}
	if l.token != "" {
		r.tokens[l.token] = l
	}
	return r.reservation(l, l.instances), nil
}

// repeat answers a client token that was used before. That one of terminated instances is used up
// is what EC2 does since 2025 (boto3 issue 4406).
func (r *request) repeat(l, earlier *launch) (any, error) {
	if l.params != earlier.params {
		return nil, refuse("IdempotentParameterMismatch", "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).")
	}
	if slices.ContainsFunc(earlier.instances, func(i *instance) bool { return i.state == terminated }) {
		return nil, refuse("IdempotentInstanceTerminated", "The client token you have provided is associated with a terminated instance. Please use a different client token.")
	}
	return r.reservation(earlier, earlier.instances), nil
}

// readLaunch reads and checks the request.
func (r *request) readLaunch() (*launch, error) {
	if err := r.p.require("ImageId", "MinCount", "MaxCount"); err != nil {
		return nil, err
	}
	l := &launch{id: newID("r"), token: r.p.Get("ClientToken"), params: fingerprint(r.p), time: r.now, keyName: r.p.Get("KeyName")}
	for _, read := range []func(*launch) error{r.readHardware, r.readPlace, r.readGroups, r.readAccess, r.readOptions, r.readLaunchTags} {
		if err := read(l); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// fingerprint is all that a request says.
func fingerprint(p params) string {
	all := url.Values{}
	for name, values := range p.Values {
		if !strings.HasPrefix(name, "X-Amz-") { // a signature in the URL differs each time
			all[name] = values
		}
	}
	return all.Encode()
}

// allot says how many the launch may start, and where.
func (r *request) allot(l *launch) error {
	least, err := r.p.number("MinCount", 0)
	if err != nil {
		return err
	}
	most, err := r.p.number("MaxCount", 0)
	if err != nil {
		return err
	}
	if least < 1 || most < least {
		return refuse("InvalidParameterValue", fmt.Sprintf("Value (%d) for parameter maxCount is invalid: it is less than minCount (%d), or that is less than 1.", most, least))
	}
	if err := r.checkQuota(l, least); err != nil {
		return err
	}
	most = min(most, r.quotaLeft(l)) - r.fault.Fewer
	if l.zone == "" {
		l.zone = r.roomiest(l.hardware.name)
		l.subnet = r.subnet(l.zone)
	}
	l.count = min(most, r.room(l.zone, l.hardware.name))
	if l.count < least {
		return refuse("InsufficientInstanceCapacity", fmt.Sprintf("We currently do not have sufficient %s capacity in the Availability Zone you requested (%s). "+
			"Our system will be working on provisioning additional capacity.", l.hardware.name, l.zone))
	}
	return nil
}

// checkQuota refuses more vCPUs than the account may have at a time. What still shuts down counts.
func (r *request) checkQuota(l *launch, least int) error {
	switch {
	case r.quotaLeft(l) >= least:
		return nil
	case l.spot:
		return refuse("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
	}
	return refuse("VcpuLimitExceeded", fmt.Sprintf("You have requested more vCPU capacity than your current vCPU limit of %d allows for the instance bucket that the specified "+
		"instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.", r.e.cfg.Quota))
}

// quotaLeft is for how many instances of the launch's type there is quota.
func (r *request) quotaLeft(l *launch) int {
	const plenty = 1 << 30
	if r.e.cfg.Quota == 0 {
		return plenty
	}
	used := 0
	for _, i := range r.instances {
		if i.state != terminated && i.state != stopped && i.launch.spot == l.spot {
			used += i.launch.hardware.vcpus
		}
	}
	return max(0, r.e.cfg.Quota-used) / l.hardware.vcpus
}

// room is how many instances of the type the zone can still hold.
func (r *request) room(zone, kind string) int {
	most, limited := r.e.cfg.Capacity[zone+"/"+kind]
	if !limited {
		return 1 << 30
	}
	for _, i := range r.instances {
		if i.launch.zone == zone && i.launch.hardware.name == kind && i.state != terminated && i.state != stopped {
			most--
		}
	}
	return max(0, most)
}

func (r *request) roomiest(kind string) string {
	return slices.MaxFunc(r.zones(), func(a, b string) int { return r.room(a, kind) - r.room(b, kind) })
}

// newInstance starts one. Its life begins when the caller gives up mu.
func (r *request) newInstance(l *launch, index int) *instance {
	i := &instance{
		id: newID("i"), eni: newID("eni"), index: index, number: r.next(), launch: l, region: r.region, address: r.e.freeAddress(),
		visible: r.now.Add(r.e.cfg.Visible), state: pending, reason: &reason{"pending", "pending"}, ending: make(chan struct{}), again: make(chan struct{}),
	}
	if l.spot {
		i.sir = newID("sir")[:12]
		r.addTags(i.sir, l.tags["spot-instances-request"])
	}
	r.instances[i.id] = i
	r.addTags(i.id, l.tags["instance"])
	r.addTags(i.eni, l.tags["network-interface"])
	for _, d := range l.disks {
		v := &volume{disk: d, id: newID("vol"), number: r.next(), created: r.now, region: r.region, zone: l.zone, instance: i}
		r.volumes[v.id] = v
		r.addTags(v.id, l.tags["volume"])
		i.volumes = append(i.volumes, v)
	}
	r.e.work.Go(func() { r.e.live(i) })
	return i
}

// freeAddress is one of loopback that no instance here has. Other endpoints on this computer
// choose by chance, too, out of millions.
func (e *Endpoint) freeAddress() string {
	for {
		address := fmt.Sprintf("127.%d.%d.%d", 16+rand.N(238), rand.N(256), 1+rand.N(254))
		if !e.hasAddress(address) {
			return address
		}
	}
}

func (e *Endpoint) hasAddress(address string) bool {
	for _, r := range e.regions {
		for _, i := range r.instances {
			if i.address == address {
				return true
			}
		}
	}
	return false
}
