package awslab

import (
	"fmt"
	"slices"
)

// What follows reads the parameters of RunInstances, a group of them each.

func (r *request) readHardware(l *launch) (err error) {
	if l.image, err = findImage(r.p.Get("ImageId")); err != nil {
		return err
	}
	name := defaultTo(r.p.Get("InstanceType"), "m1.small")
	known := false
	if l.hardware, known = hardwareNamed(name); !known {
		return refuse("InvalidParameterValue", fmt.Sprintf("Invalid value '%s' for InstanceType.", name))
	}
	if l.hardware.arch != l.image.arch {
		return refuse("InvalidParameterValue", fmt.Sprintf("The architecture '%s' of the specified instance type does not match the architecture '%s' of the specified AMI. "+
			"Specify an instance type and an AMI that have matching architectures, and try again.", l.hardware.arch, l.image.arch))
	}
	l.disks, err = readDisks(r.p)
	return err
}

// readPlace finds the zone. It is open if neither zone nor subnet is given.
func (r *request) readPlace(l *launch) (err error) {
	nic := r.p.under("NetworkInterface.1")
	l.public, err = nic.flag("AssociatePublicIpAddress", true)
	if err != nil {
		return err
	}
	l.subnet = r.p.Get("SubnetId")
	if len(nic.Values) > 0 {
		if l.subnet != "" {
			return refuse("InvalidParameterCombination", "Network interfaces and an instance-level subnet ID may not be specified on the same request")
		}
		l.subnet = nic.Get("SubnetId")
		if nic.Get("DeviceIndex") != "0" {
			return refuse("InvalidParameterValue", "The network interface must have the device index 0")
		}
	}
	if l.subnet != "" && !r.isSubnet(l.subnet) {
		return noSubnet(l.subnet)
	}
	l.zone = r.zoneOf(r.p)
	asked := r.p.Get("Placement.AvailabilityZone")
	if asked != "" && !slices.Contains(r.zones(), asked) {
		return refuse("InvalidParameterValue", fmt.Sprintf("Invalid availability zone: [%s]", asked))
	}
	if asked != "" && asked != l.zone {
		return refuse("InvalidParameterValue", fmt.Sprintf("The availability zone '%s' is not that of the subnet '%s', which is in '%s'", asked, l.subnet, l.zone))
	}
	if l.zone != "" {
		l.subnet = r.subnet(l.zone)
	}
	return nil
}

func (r *request) readGroups(l *launch) error {
	ids, names := r.p.list("SecurityGroupId"), r.p.list("SecurityGroup")
	if nic := r.p.under("NetworkInterface.1"); len(nic.Values) > 0 {
		if len(ids)+len(names) > 0 {
			return refuse("InvalidParameterCombination", "Network interfaces and an instance-level security groups may not be specified on the same request")
		}
		ids = nic.list("SecurityGroupId")
	}
	for _, id := range ids {
		g, err := r.group(id)
		if err != nil {
			return err
		}
		l.groups = append(l.groups, g)
	}
	if len(ids)+len(names) == 0 {
		names = []string{defaultGroup}
	}
	for _, name := range names {
		g, err := r.groupNamed(name)
		if err != nil {
			return err
		}
		l.groups = append(l.groups, g)
	}
	return nil
}

// readAccess reads who can log in, and what the instance does at first.
func (r *request) readAccess(l *launch) (err error) {
	if l.keyName != "" {
		if l.key = r.keys[l.keyName]; l.key == nil {
			return noKey(l.keyName)
		}
	}
	l.userData = r.p.Get("UserData")
	l.data, err = readUserData(l.userData)
	return err
}

func (r *request) readOptions(l *launch) (err error) {
	l.behavior = defaultTo(r.p.Get("InstanceInitiatedShutdownBehavior"), "stop")
	if l.behavior != "stop" && l.behavior != "terminate" {
		return refuse("InvalidParameterValue", fmt.Sprintf("Value (%s) for parameter instanceInitiatedShutdownBehavior is invalid.", l.behavior))
	}
	switch market := r.p.Get("InstanceMarketOptions.MarketType"); market {
	case "":
	case "spot":
		l.spot = true
	default:
		return refuse("InvalidParameterValue", fmt.Sprintf("Value (%s) for parameter marketType is invalid.", market))
	}
	if l.spot { // a one-time request ends with its instance
		l.behavior = "terminate"
	}
	if len(l.token) > 64 {
		return refuse("InvalidParameterValue", "Client token exceeds the maximum length of 64 characters")
	}
	options := r.p.under("MetadataOptions")
	l.metadata = metadataItem{
		State: "applied", Tokens: defaultTo(options.Get("HttpTokens"), "optional"), Endpoint: defaultTo(options.Get("HttpEndpoint"), "enabled"),
		Tags: defaultTo(options.Get("InstanceMetadataTags"), "disabled"), IPv6: defaultTo(options.Get("HttpProtocolIpv6"), "disabled"),
	}
	if l.metadata.Hops, err = options.number("HttpPutResponseHopLimit", 1); err != nil {
		return err
	}
	l.protected, err = r.p.flag("DisableApiTermination", false)
	return err
}

func (r *request) readLaunchTags(l *launch) (err error) {
	l.tags, err = tagSpecifications(r.p, "instance", "volume", "network-interface", "spot-instances-request")
	if err == nil && !l.spot && l.tags["spot-instances-request"] != nil {
		err = refuse("InvalidParameterCombination", "You cannot specify tags for Spot instances requests if there are no Spot instances requests being created by the request.")
	}
	return err
}
