package awslab

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

type groupRef struct {
	ID   string `xml:"groupId"`
	Name string `xml:"groupName"`
}

type stateItem struct {
	Code int    `xml:"code"`
	Name string `xml:"name"`
}

func (s state) item() stateItem { return stateItem{int(s), s.String()} }

type metadataItem struct {
	State    string `xml:"state"`
	Tokens   string `xml:"httpTokens"`
	Hops     int    `xml:"httpPutResponseHopLimit"`
	Endpoint string `xml:"httpEndpoint"`
	IPv6     string `xml:"httpProtocolIpv6"`
	Tags     string `xml:"instanceMetadataTags"`
}

type deviceItem struct {
	Name   string `xml:"deviceName"`
	Volume string `xml:"ebs>volumeId"`
	Status string `xml:"ebs>status"`
	Time   string `xml:"ebs>attachTime"`
	Delete bool   `xml:"ebs>deleteOnTermination"`
}

type interfaceItem struct {
	ID      string        `xml:"networkInterfaceId"`
	Subnet  string        `xml:"subnetId"`
	Vpc     string        `xml:"vpcId"`
	Owner   string        `xml:"ownerId"`
	Status  string        `xml:"status"`
	Private string        `xml:"privateIpAddress,omitempty"`
	Public  *publicItem   `xml:"association"`
	Groups  set[groupRef] `xml:"groupSet"`
	Index   int           `xml:"attachment>deviceIndex"`
	Delete  bool          `xml:"attachment>deleteOnTermination"`
}

type publicItem struct {
	Address string `xml:"publicIp"`
	DNS     string `xml:"publicDnsName"`
	Owner   string `xml:"ipOwnerId"`
}

type instanceItem struct {
	ID         string             `xml:"instanceId"`
	Image      string             `xml:"imageId"`
	State      stateItem          `xml:"instanceState"`
	PrivateDNS string             `xml:"privateDnsName"`
	DNS        string             `xml:"dnsName"`
	Reason     string             `xml:"reason"`
	Key        string             `xml:"keyName,omitempty"`
	Index      int                `xml:"amiLaunchIndex"`
	Products   set[string]        `xml:"productCodes"`
	Type       string             `xml:"instanceType"`
	Launched   string             `xml:"launchTime"`
	Zone       string             `xml:"placement>availabilityZone"`
	ZoneID     string             `xml:"placement>availabilityZoneId"`
	Placed     string             `xml:"placement>groupName"`
	Tenancy    string             `xml:"placement>tenancy"`
	Monitoring string             `xml:"monitoring>state"`
	Subnet     string             `xml:"subnetId,omitempty"`
	Vpc        string             `xml:"vpcId,omitempty"`
	Private    string             `xml:"privateIpAddress,omitempty"`
	Public     string             `xml:"ipAddress,omitempty"`
	Checked    bool               `xml:"sourceDestCheck"`
	Groups     set[groupRef]      `xml:"groupSet"`
	Why        *reason            `xml:"stateReason"`
	Arch       string             `xml:"architecture"`
	RootIs     string             `xml:"rootDeviceType"`
	Root       string             `xml:"rootDeviceName"`
	Devices    set[deviceItem]    `xml:"blockDeviceMapping"`
	Lifecycle  string             `xml:"instanceLifecycle,omitempty"`
	Spot       string             `xml:"spotInstanceRequestId,omitempty"`
	Virtual    string             `xml:"virtualizationType"`
	Token      string             `xml:"clientToken"`
	Tags       set[tagItem]       `xml:"tagSet"`
	Hypervisor string             `xml:"hypervisor"`
	Interfaces set[interfaceItem] `xml:"networkInterfaceSet"`
	EBS        bool               `xml:"ebsOptimized"`
	ENA        bool               `xml:"enaSupport"`
	Metadata   metadataItem       `xml:"metadataOptions"`
	Details    string             `xml:"platformDetails"`
}

type reservationItem struct {
	ID        string            `xml:"reservationId"`
	Owner     string            `xml:"ownerId"`
	Groups    set[groupRef]     `xml:"groupSet"` // of EC2-Classic: always empty
	Instances set[instanceItem] `xml:"instancesSet"`
}

func (r *request) reservation(l *launch, instances []*instance) reservationItem {
	item := reservationItem{ID: l.id, Owner: Account}
	for _, i := range instances {
		item.Instances.Items = append(item.Instances.Items, r.item(i))
	}
	return item
}

func (r *request) item(i *instance) instanceItem {
	l := i.launch
	item := instanceItem{
		ID: i.id, Image: l.image.id, State: i.state.item(), Key: l.keyName, Index: i.index, Type: l.hardware.name, Launched: stamp(l.time),
		Zone: l.zone, ZoneID: zoneID(l.zone), Tenancy: "default", Monitoring: "disabled", Why: i.reason, Arch: l.hardware.arch, RootIs: "ebs", Root: rootDevice,
		Spot: i.sir, Virtual: "hvm", Token: l.token, Tags: r.tagSet(i.id), Hypervisor: "xen", ENA: true, Metadata: l.metadata, Details: "Linux/UNIX",
	}
	if l.spot {
		item.Lifecycle = "spot"
	}
	if i.reason != nil && i.reason.Code == byUser.Code {
		item.Reason = "User initiated"
	}
	if i.state == terminated { // it has neither disk nor network any more
		return item
	}
	item.Subnet, item.Vpc, item.Checked = l.subnet, r.vpc(), true
	item.Private, item.Public = r.addresses(i)
	var public *publicItem
	if item.Private != "" {
		item.PrivateDNS = "ip-" + strings.ReplaceAll(item.Private, ".", "-") + "." + r.name + ".compute.internal"
	}
	if item.Public != "" {
		item.DNS = "ec2-" + strings.ReplaceAll(item.Public, ".", "-") + "." + r.name + ".compute.amazonaws.com"
		public = &publicItem{item.Public, item.DNS, "amazon"}
	}
	for _, g := range l.groups {
		item.Groups.Items = append(item.Groups.Items, groupRef{g.id, g.name})
	}
	for _, v := range i.volumes {
		item.Devices.Items = append(item.Devices.Items, deviceItem{v.device, v.id, "attached", stamp(v.created), !v.kept})
	}
	item.Interfaces.Items = []interfaceItem{{i.eni, l.subnet, r.vpc(), Account, "in-use", item.Private, public, item.Groups, 0, true}}
	return item
}

// addresses are those that EC2 knows by now.
func (r *request) addresses(i *instance) (private, public string) {
	if i.running.IsZero() || r.now.Before(i.running.Add(r.e.cfg.Address)) || i.state == terminated {
		return "", ""
	}
	if i.launch.public && i.state != stopped && i.state != stopping {
		public = i.address
	}
	return i.address, public
}

func (r *request) instanceFields(i *instance) fields {
	l := i.launch
	private, public := r.addresses(i)
	known := map[string][]string{
		"instance-id": {i.id}, "instance-state-name": {i.state.String()}, "instance-state-code": {fmt.Sprint(int(i.state))}, "instance-type": {l.hardware.name},
		"image-id": {l.image.id}, "key-name": {l.keyName}, "vpc-id": {r.vpc()}, "subnet-id": {l.subnet}, "availability-zone": {l.zone}, "architecture": {l.hardware.arch},
		"reservation-id": {l.id}, "client-token": {l.token}, "owner-id": {Account}, "launch-index": {fmt.Sprint(i.index)}, "launch-time": {stamp(l.time)},
		"private-ip-address": {private}, "ip-address": {public}, "spot-instance-request-id": {i.sir}, "instance-lifecycle": {}, "state-reason-code": {}, "instance.group-id": {},
		"instance.group-name": {}, "group-id": {}, "group-name": {}, "network-interface.network-interface-id": {i.eni}, "root-device-type": {"ebs"}, "tenancy": {"default"},
	}
	if l.spot {
		known["instance-lifecycle"] = []string{"spot"}
	}
	if i.reason != nil {
		known["state-reason-code"] = []string{i.reason.Code}
	}
	for _, g := range l.groups {
		for _, name := range []string{"instance.group-id", "group-id"} {
			known[name] = append(known[name], g.id)
		}
		for _, name := range []string{"instance.group-name", "group-name"} {
			known[name] = append(known[name], g.name)
		}
	}
	return anyOf(known)
}

var instanceID = regexp.MustCompile(`^i-([0-9a-f]{8}|[0-9a-f]{17})$`)

// instance finds one by its id, when it can be found already.
func (r *request) instance(id string) (*instance, error) {
	if !instanceID.MatchString(id) {
		return nil, refuse("InvalidInstanceID.Malformed", fmt.Sprintf("Invalid id: %q", id))
	}
	i := r.instances[id]
	if i == nil || r.now.Before(i.visible) {
		return nil, refuse("InvalidInstanceID.NotFound", fmt.Sprintf("The instance ID '%s' does not exist", id))
	}
	return i, nil
}

// unknown refuses a list of ids, several of which cannot be found: EC2 names all of them.
func (r *request) unknown(ids []string) error {
	var none []string
	for _, id := range ids {
		if i := r.instances[id]; instanceID.MatchString(id) && (i == nil || r.now.Before(i.visible)) {
			none = append(none, id)
		}
	}
	if len(none) < 2 {
		return nil
	}
	return refuse("InvalidInstanceID.NotFound", fmt.Sprintf("The instance IDs '%s' do not exist", strings.Join(none, ", ")))
}

func describeInstances(r *request) (any, error) {
	ids := r.p.list("InstanceId")
	if len(ids) > 0 && r.p.has("MaxResults") {
		return nil, refuse("InvalidParameterCombination", "The parameter instancesSet cannot be used with the parameter maxResults")
	}
	for _, id := range ids {
		if _, err := r.instance(id); err != nil {
			return nil, err
		}
	}
	var found []*instance
	for _, i := range sorted(r.instances) {
		ok, err := r.matches(i.id, r.instanceFields(i))
		if err != nil {
			return nil, err
		}
		if ok && (len(ids) == 0 || slices.Contains(ids, i.id)) && !r.now.Before(i.visible) {
			found = append(found, i)
		}
	}
	next := ""
	if len(ids) == 0 {
		var err error
		if found, next, err = page(r, found); err != nil {
			return nil, err
		}
	}
	var items []reservationItem
	for len(found) > 0 { // those of a launch follow each other
		l := found[0].launch
		n := slices.IndexFunc(found, func(i *instance) bool { return i.launch != l })
		if n < 0 {
			n = len(found)
		}
		items = append(items, r.reservation(l, found[:n]))
		found = found[n:]
	}
	return struct {
		Reservations set[reservationItem] `xml:"reservationSet"`
		Next         string               `xml:"nextToken,omitempty"`
	}{set[reservationItem]{items}, next}, nil
}
