package awslab

import (
	"fmt"
	"slices"
)

const vpcCIDR = "172.31.0.0/16" // of every default VPC

type vpcItem struct {
	ID      string       `xml:"vpcId"`
	Owner   string       `xml:"ownerId"`
	State   string       `xml:"state"`
	CIDR    string       `xml:"cidrBlock"`
	Tenancy string       `xml:"instanceTenancy"`
	Default bool         `xml:"isDefault"`
	Tags    set[tagItem] `xml:"tagSet"`
}

func describeVpcs(r *request) (any, error) {
	vpc := vpcItem{r.vpc(), Account, "available", vpcCIDR, "default", true, r.tagSet(r.vpc())}
	ids := r.p.list("VpcId")
	for _, id := range ids {
		if id != vpc.ID {
			return nil, refuse("InvalidVpcID.NotFound", fmt.Sprintf("The vpc ID '%s' does not exist", id))
		}
	}
	ok, err := r.matches(vpc.ID, anyOf(map[string][]string{
		"vpc-id": {vpc.ID}, "state": {vpc.State}, "cidr": {vpc.CIDR}, "owner-id": {Account}, "is-default": {"true"}, "isDefault": {"true"},
	}))
	var items []vpcItem
	if ok {
		items = append(items, vpc)
	}
	return struct {
		Vpcs set[vpcItem] `xml:"vpcSet"`
	}{set[vpcItem]{items}}, err
}

type subnetItem struct {
	ID        string       `xml:"subnetId"`
	ARN       string       `xml:"subnetArn"`
	State     string       `xml:"state"`
	Owner     string       `xml:"ownerId"`
	Vpc       string       `xml:"vpcId"`
	CIDR      string       `xml:"cidrBlock"`
	Available int          `xml:"availableIpAddressCount"`
	Zone      string       `xml:"availabilityZone"`
	ZoneID    string       `xml:"availabilityZoneId"`
	Default   bool         `xml:"defaultForAz"`
	Public    bool         `xml:"mapPublicIpOnLaunch"`
	Tags      set[tagItem] `xml:"tagSet"`
	number    int
}

func (s subnetItem) order() int { return s.number }

// subnets are the default ones, one for each zone.
func (r *region) subnets() []subnetItem {
	var all []subnetItem
	for i, zone := range r.zones() {
		id := r.subnet(zone)
		all = append(all, subnetItem{
			ID: id, ARN: fmt.Sprintf("arn:aws:ec2:%s:%s:subnet/%s", r.name, Account, id), State: "available", Owner: Account, Vpc: r.vpc(),
			CIDR: fmt.Sprintf("172.31.%d.0/20", 16*i), Available: 4091, Zone: zone, ZoneID: zoneID(zone), Default: true, Public: true, Tags: r.tagSet(id), number: i + 1,
		})
	}
	return all
}

func (r *region) isSubnet(id string) bool {
	return slices.ContainsFunc(r.subnets(), func(s subnetItem) bool { return s.ID == id })
}

func noSubnet(id string) error {
	return refuse("InvalidSubnetID.NotFound", fmt.Sprintf("The subnet ID '%s' does not exist", id))
}

func describeSubnets(r *request) (any, error) {
	ids := r.p.list("SubnetId")
	for _, id := range ids {
		if !r.isSubnet(id) {
			return nil, noSubnet(id)
		}
	}
	var found []subnetItem
	for _, s := range r.subnets() {
		ok, err := r.matches(s.ID, anyOf(map[string][]string{
			"subnet-id": {s.ID}, "vpc-id": {s.Vpc}, "state": {s.State}, "availability-zone": {s.Zone}, "availabilityZone": {s.Zone}, "availability-zone-id": {s.ZoneID},
			"default-for-az": {"true"}, "defaultForAz": {"true"}, "map-public-ip-on-launch": {"true"}, "cidr-block": {s.CIDR}, "owner-id": {Account},
		}))
		if err != nil {
			return nil, err
		}
		if ok && (len(ids) == 0 || slices.Contains(ids, s.ID)) {
			found = append(found, s)
		}
	}
	items, next, err := page(r, found)
	return struct {
		Subnets set[subnetItem] `xml:"subnetSet"`
		Next    string          `xml:"nextToken,omitempty"`
	}{set[subnetItem]{items}, next}, err
}
