package awslab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// rule admits one peer: a range of addresses or a security group.
type rule struct {
	id                         string
	protocol                   string
	from, to                   int // ports; -1: all
	cidr4, cidr6, group, about string
}

// same says whether both admit the same.
func (a rule) same(b rule) bool {
	a.id, a.about, b.id, b.about = "", "", "", ""
	return a == b
}

func (a rule) peer() string { return a.cidr4 + a.cidr6 + a.group }

// protocols are the numbers that can be used instead of names.
var protocols = map[string]string{"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}

// readRules reads one of IpPermissions: a rule for each peer.
func (r *request) readRules(p params) ([]rule, error) {
	if err := p.require("IpProtocol"); err != nil {
		return nil, err
	}
	base := rule{protocol: strings.ToLower(p.Get("IpProtocol"))}
	if name, ok := protocols[base.protocol]; ok {
		base.protocol = name
	}
	if !slices.Contains([]string{"tcp", "udp", "icmp", "icmpv6", "-1"}, base.protocol) {
		return nil, refuse("InvalidPermission.Malformed", "Unsupported IP protocol \""+p.Get("IpProtocol")+"\"")
	}
	var err error
	if base.from, err = p.number("FromPort", -1); err != nil {
		return nil, err
	}
	if base.to, err = p.number("ToPort", -1); err != nil {
		return nil, err
	}
	if (base.protocol == "tcp" || base.protocol == "udp") && (!p.has("FromPort") || !p.has("ToPort") || base.from > base.to || base.to > 65535) {
		return nil, refuse("InvalidParameterValue", fmt.Sprintf("Invalid port range: %d - %d", base.from, base.to))
	}
	return r.readPeers(p, base)
}

func (r *request) readPeers(p params, base rule) ([]rule, error) {
	var rules []rule
	add := func(peer params, set func(*rule)) {
		one := base
		one.id, one.about = newID("sgr"), peer.Get("Description")
		set(&one)
		rules = append(rules, one)
	}
	for _, peer := range p.each("IpRanges") {
		prefix, err := netip.ParsePrefix(peer.Get("CidrIp"))
		if err != nil || !prefix.Addr().Is4() {
			return nil, refuse("InvalidParameterValue", fmt.Sprintf("CIDR block %s is malformed", peer.Get("CidrIp")))
		}
		add(peer, func(one *rule) { one.cidr4 = prefix.Masked().String() })
	}
	for _, peer := range p.each("Ipv6Ranges") {
		prefix, err := netip.ParsePrefix(peer.Get("CidrIpv6"))
		if err != nil || !prefix.Addr().Is6() {
			return nil, refuse("InvalidParameterValue", fmt.Sprintf("CIDR block %s is malformed", peer.Get("CidrIpv6")))
		}
		add(peer, func(one *rule) { one.cidr6 = prefix.Masked().String() })
	}
	for _, peer := range p.each("Groups") {
		g, err := r.group(peer.Get("GroupId"))
		if err != nil {
			return nil, err
		}
		add(peer, func(one *rule) { one.group = g.id })
	}
	if len(rules) == 0 {
		return nil, refuse("MissingParameter", "The request must contain a source of the rule: an address range, a prefix list or a security group")
	}
	return rules, nil
}

type peerItem struct {
	Group string `xml:"groupId"`
	Owner string `xml:"userId"`
	Vpc   string `xml:"vpcId"`
}

type ruleItem struct {
	ID       string       `xml:"securityGroupRuleId"`
	Group    string       `xml:"groupId"`
	Owner    string       `xml:"groupOwnerId"`
	Egress   bool         `xml:"isEgress"`
	Protocol string       `xml:"ipProtocol"`
	From     int          `xml:"fromPort"`
	To       int          `xml:"toPort"`
	CIDR4    string       `xml:"cidrIpv4,omitempty"`
	CIDR6    string       `xml:"cidrIpv6,omitempty"`
	Peer     *peerItem    `xml:"referencedGroupInfo"`
	About    string       `xml:"description,omitempty"`
	Tags     set[tagItem] `xml:"tagSet"`
}

// authorizeIngress adds all rules of the request or none.
func authorizeIngress(r *request) (any, error) {
	g, err := r.groupOf()
	if err != nil {
		return nil, err
	}
	specs, err := tagSpecifications(r.p, "security-group-rule")
	if err != nil {
		return nil, err
	}
	wanted := r.p.each("IpPermissions")
	if r.p.has("IpProtocol") { // one rule, written without a list
		flat := params{r.p.under("none").Values}
		for _, name := range []string{"IpProtocol", "FromPort", "ToPort"} {
			if r.p.has(name) {
				flat.Set(name, r.p.Get(name))
			}
		}
		flat.Set("IpRanges.1.CidrIp", r.p.Get("CidrIp"))
		wanted = append(wanted, flat)
	}
	if len(wanted) == 0 {
		return nil, refuse("MissingParameter", "The request must contain the parameter ipPermissions")
	}
	var added []rule
	for _, p := range wanted {
		rules, err := r.readRules(p)
		if err != nil {
			return nil, err
		}
		for _, one := range rules {
			if slices.ContainsFunc(slices.Concat(g.rules, added), one.same) {
				return nil, refuse("InvalidPermission.Duplicate", fmt.Sprintf("the specified rule \"peer: %s, %s, from port: %d, to port: %d, ALLOW\" already exists",
					one.peer(), strings.ToUpper(one.protocol), one.from, one.to))
			}
			added = append(added, one)
		}
	}
	var items []ruleItem
	for _, one := range added {
		r.addTags(one.id, specs["security-group-rule"])
		item := ruleItem{
			ID: one.id, Group: g.id, Owner: Account, Protocol: one.protocol, From: one.from, To: one.to, CIDR4: one.cidr4, CIDR6: one.cidr6, About: one.about, Tags: r.tagSet(one.id),
		}
		if one.group != "" {
			item.Peer = &peerItem{one.group, Account, r.vpc()}
		}
		items = append(items, item)
	}
	g.rules = append(g.rules, added...)
	return struct {
		Return bool          `xml:"return"`
		Rules  set[ruleItem] `xml:"securityGroupRuleSet"`
	}{true, set[ruleItem]{items}}, nil
}

type rangeItem struct {
	CIDR  string `xml:"cidrIp,omitempty"`
	CIDR6 string `xml:"cidrIpv6,omitempty"`
	Owner string `xml:"userId,omitempty"`
	Group string `xml:"groupId,omitempty"`
	About string `xml:"description,omitempty"`
}

type permissionItem struct {
	Protocol string         `xml:"ipProtocol"`
	From     *int           `xml:"fromPort"`
	To       *int           `xml:"toPort"`
	Ranges   set[rangeItem] `xml:"ipRanges"`
	Ranges6  set[rangeItem] `xml:"ipv6Ranges"`
	Groups   set[rangeItem] `xml:"groups"`
}

// permissions is rules as DescribeSecurityGroups shows them: by protocol and ports.
func permissions(rules []rule) set[permissionItem] {
	var all []permissionItem
	index := map[rule]int{}
	for _, one := range rules {
		ports := rule{protocol: one.protocol, from: one.from, to: one.to}
		i, ok := index[ports]
		if !ok {
			i = len(all)
			index[ports] = i
			all = append(all, permissionItem{Protocol: one.protocol})
			if one.protocol != "-1" {
				all[i].From, all[i].To = &one.from, &one.to
			}
		}
		switch {
		case one.cidr4 != "":
			all[i].Ranges.Items = append(all[i].Ranges.Items, rangeItem{CIDR: one.cidr4, About: one.about})
		case one.cidr6 != "":
			all[i].Ranges6.Items = append(all[i].Ranges6.Items, rangeItem{CIDR6: one.cidr6, About: one.about})
		default:
			all[i].Groups.Items = append(all[i].Groups.Items, rangeItem{Owner: Account, Group: one.group, About: one.about})
		}
	}
	return set[permissionItem]{all}
}
