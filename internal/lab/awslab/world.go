package awslab

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
)

// regionNames are the regions that are enabled in every account.
var regionNames = []string{
	"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1", "eu-central-1",
	"eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
}

// zoneLetters follow the region's name.
const zoneLetters = "abc"

func (r *region) zones() []string {
	var names []string
	for _, letter := range zoneLetters {
		names = append(names, r.name+string(letter))
	}
	return names
}

// fixedID is the id of something that every region has from the beginning.
func (r *region) fixedID(prefix, what string) string {
	h := fnv.New64a()
	fmt.Fprint(h, r.name, "/", what)
	return fmt.Sprintf("%s-0%016x", prefix, h.Sum64())
}

func (r *region) vpc() string { return r.fixedID("vpc", "default") }

func (r *region) subnet(zone string) string { return r.fixedID("subnet", zone) }

// zoneOf is the zone that a RunInstances request asks for; "": any. Of an unknown subnet, too.
func (r *region) zoneOf(p params) string {
	subnet := p.Get("SubnetId")
	if nic := p.Get("NetworkInterface.1.SubnetId"); nic != "" {
		subnet = nic
	}
	for _, zone := range r.zones() {
		if r.subnet(zone) == subnet {
			return zone
		}
	}
	id := p.Get("Placement.AvailabilityZoneId")
	for _, zone := range r.zones() {
		if zoneID(zone) == id {
			return zone
		}
	}
	return p.Get("Placement.AvailabilityZone")
}

func zoneID(zone string) string {
	parts := strings.Split(zone, "-")
	if len(parts) < 3 { // no region of AWS's is called like that
		return zone
	}
	letter := zone[len(zone)-1]
	return fmt.Sprintf("%s%s%s-az%d", parts[0], parts[1][:1], parts[2][:1], letter-'a'+1)
}

type regionItem struct {
	Name     string `xml:"regionName"`
	Endpoint string `xml:"regionEndpoint"`
	OptIn    string `xml:"optInStatus"`
}

func describeRegions(r *request) (any, error) {
	var items []regionItem
	wanted := r.p.list("RegionName")
	for _, name := range wanted {
		if !slices.Contains(regionNames, name) {
			return nil, refuse("InvalidParameterValue", fmt.Sprintf("Invalid region names provided: %s", name))
		}
	}
	for _, name := range regionNames {
		item := regionItem{name, "ec2." + name + ".amazonaws.com", "opt-in-not-required"}
		ok, err := r.matches("", anyOf(map[string][]string{"region-name": {name}, "endpoint": {item.Endpoint}, "opt-in-status": {item.OptIn}}))
		if err != nil {
			return nil, err
		}
		if ok && (len(wanted) == 0 || slices.Contains(wanted, name)) {
			items = append(items, item)
		}
	}
	return struct {
		Regions set[regionItem] `xml:"regionInfo"`
	}{set[regionItem]{items}}, nil
}

type zoneItem struct {
	Name   string `xml:"zoneName"`
	ID     string `xml:"zoneId"`
	State  string `xml:"zoneState"`
	Region string `xml:"regionName"`
	OptIn  string `xml:"optInStatus"`
	Type   string `xml:"zoneType"`
	Group  string `xml:"groupName"`
	Border string `xml:"networkBorderGroup"`
}

func describeZones(r *request) (any, error) {
	var items []zoneItem
	names, ids := r.p.list("ZoneName"), r.p.list("ZoneId")
	for _, name := range names {
		if !slices.Contains(r.zones(), name) {
			return nil, refuse("InvalidParameterValue", fmt.Sprintf("Invalid availability zone: [%s]", name))
		}
	}
	for _, zone := range r.zones() {
		item := zoneItem{zone, zoneID(zone), "available", r.name, "opt-in-not-required", "availability-zone", r.name + "-zg-1", r.name}
		ok, err := r.matches("", anyOf(map[string][]string{
			"zone-name": {zone}, "zone-id": {item.ID}, "state": {item.State}, "region-name": {r.name}, "zone-type": {item.Type}, "opt-in-status": {item.OptIn}, "group-name": {item.Group},
		}))
		if err != nil {
			return nil, err
		}
		if ok && (len(names) == 0 || slices.Contains(names, zone)) && (len(ids) == 0 || slices.Contains(ids, item.ID)) {
			items = append(items, item)
		}
	}
	return struct {
		Zones set[zoneItem] `xml:"availabilityZoneInfo"`
	}{set[zoneItem]{items}}, nil
}
