package awslab

import (
	"fmt"
	"slices"
	"time"
)

// group is a security group.
type group struct {
	id, name, description string
	number                int
	rules                 []rule
	visible               time.Time // from when on it can be found
}

func (g *group) order() int { return g.number }

func (g *group) arn(r *region) string {
	return fmt.Sprintf("arn:aws:ec2:%s:%s:security-group/%s", r.name, Account, g.id)
}

const defaultGroup = "default" // its name; it cannot be deleted

func (r *region) addDefaultGroup() {
	g := &group{id: r.fixedID("sg", "default"), name: defaultGroup, description: "default VPC security group", number: r.next()}
	r.groups[g.id] = g
}

// group finds a security group by its id.
func (r *request) group(id string) (*group, error) {
	g := r.groups[id]
	if g == nil || r.now.Before(g.visible) {
		return nil, refuse("InvalidGroup.NotFound", fmt.Sprintf("The security group '%s' does not exist", id))
	}
	return g, nil
}

// groupNamed finds a security group of the default VPC by its name.
func (r *request) groupNamed(name string) (*group, error) {
	for _, g := range r.groups {
		if g.name == name && !r.now.Before(g.visible) {
			return g, nil
		}
	}
	return nil, refuse("InvalidGroup.NotFound", fmt.Sprintf("The security group '%s' does not exist in default VPC '%s'", name, r.vpc()))
}

// groupOf is the group that GroupId or GroupName means.
func (r *request) groupOf() (*group, error) {
	switch {
	case r.p.Get("GroupId") != "":
		return r.group(r.p.Get("GroupId"))
	case r.p.Get("GroupName") != "":
		return r.groupNamed(r.p.Get("GroupName"))
	}
	return nil, refuse("MissingParameter", "The request must contain the parameter groupName or groupId")
}

func createGroup(r *request) (any, error) {
	if err := r.p.require("GroupName", "GroupDescription"); err != nil {
		return nil, err
	}
	name := r.p.Get("GroupName")
	if vpc := r.p.Get("VpcId"); vpc != "" && vpc != r.vpc() {
		return nil, refuse("InvalidVpcID.NotFound", fmt.Sprintf("The vpc ID '%s' does not exist", vpc))
	}
	for _, g := range r.groups {
		if g.name == name {
			return nil, refuse("InvalidGroup.Duplicate", fmt.Sprintf("The security group '%s' already exists for VPC '%s'", name, r.vpc()))
		}
	}
	specs, err := tagSpecifications(r.p, "security-group")
	if err != nil {
		return nil, err
	}
	g := &group{id: newID("sg"), name: name, description: r.p.Get("GroupDescription"), number: r.next(), visible: r.now.Add(r.e.cfg.Visible)}
	r.groups[g.id] = g
	r.addTags(g.id, specs["security-group"])
	return struct {
		Return bool         `xml:"return"`
		ID     string       `xml:"groupId"`
		ARN    string       `xml:"securityGroupArn"`
		Tags   set[tagItem] `xml:"tagSet"`
	}{true, g.id, g.arn(r.region), r.tagSet(g.id)}, nil
}

// deleteGroup refuses while an instance that is not terminated uses the group.
func deleteGroup(r *request) (any, error) {
	g, err := r.groupOf()
	if err != nil {
		return nil, err
	}
	if g.name == defaultGroup {
		return nil, refuse("CannotDelete", fmt.Sprintf("the specified group: %q name: %q cannot be deleted by a user", g.id, g.name))
	}
	for _, i := range r.instances {
		if i.state != terminated && slices.Contains(i.launch.groups, g) {
			return nil, refuse("DependencyViolation", fmt.Sprintf("resource %s has a dependent object", g.id))
		}
	}
	delete(r.groups, g.id)
	delete(r.tags, g.id)
	for _, rule := range g.rules {
		delete(r.tags, rule.id)
	}
	return struct {
		Return bool   `xml:"return"`
		ID     string `xml:"groupId"`
	}{true, g.id}, nil
}

type groupItem struct {
	Owner       string              `xml:"ownerId"`
	ID          string              `xml:"groupId"`
	Name        string              `xml:"groupName"`
	Description string              `xml:"groupDescription"`
	Vpc         string              `xml:"vpcId"`
	ARN         string              `xml:"securityGroupArn"`
	Ingress     set[permissionItem] `xml:"ipPermissions"`
	Egress      set[permissionItem] `xml:"ipPermissionsEgress"`
	Tags        set[tagItem]        `xml:"tagSet"`
}

func (g *group) item(r *region) groupItem {
	return groupItem{
		Owner: Account, ID: g.id, Name: g.name, Description: g.description, Vpc: r.vpc(), ARN: g.arn(r),
		Ingress: permissions(g.rules), Egress: permissions([]rule{{protocol: "-1", from: -1, to: -1, cidr4: "0.0.0.0/0"}}), Tags: r.tagSet(g.id),
	}
}

func (g *group) fields(r *region) fields {
	var cidrs []string
	for _, rule := range g.rules {
		cidrs = append(cidrs, rule.cidr4)
	}
	return anyOf(map[string][]string{
		"group-id": {g.id}, "group-name": {g.name}, "description": {g.description}, "vpc-id": {r.vpc()}, "owner-id": {Account}, "ip-permission.cidr": cidrs,
	})
}

func describeGroups(r *request) (any, error) {
	ids, names := r.p.list("GroupId"), r.p.list("GroupName")
	for _, id := range ids {
		if _, err := r.group(id); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		if _, err := r.groupNamed(name); err != nil {
			return nil, err
		}
	}
	var found []*group
	for _, g := range sorted(r.groups) {
		ok, err := r.matches(g.id, g.fields(r.region))
		if err != nil {
			return nil, err
		}
		asked := len(ids)+len(names) == 0 || slices.Contains(ids, g.id) || slices.Contains(names, g.name)
		if ok && asked && !r.now.Before(g.visible) {
			found = append(found, g)
		}
	}
	found, next, err := page(r, found)
	var items []groupItem
	for _, g := range found {
		items = append(items, g.item(r.region))
	}
	return struct {
		Groups set[groupItem] `xml:"securityGroupInfo"`
		Next   string         `xml:"nextToken,omitempty"`
	}{set[groupItem]{items}, next}, err
}
