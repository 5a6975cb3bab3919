package awslab

import (
	"fmt"
	"slices"
)

// hardware is an instance type. The table is a small part of DescribeInstanceTypes in us-east-1.
type hardware struct {
	name    string
	vcpus   int
	threads int // per core
	memory  int // MiB
	arch    string
	clock   float64 // sustained, GHz
	maker   string
	number  int
}

func (h hardware) order() int { return h.number }

var hardwareTable = []hardware{
	{"m1.small", 1, 1, 1740, "x86_64", 0, "Intel", 1},
	{"t3.micro", 2, 2, 1024, "x86_64", 2.5, "Intel", 2},
	{"t3.small", 2, 2, 2048, "x86_64", 2.5, "Intel", 3},
	{"t3.medium", 2, 2, 4096, "x86_64", 2.5, "Intel", 4},
	{"t4g.micro", 2, 1, 1024, "arm64", 2.5, "AWS", 5},
	{"t4g.small", 2, 1, 2048, "arm64", 2.5, "AWS", 6},
	{"c6i.large", 2, 2, 4096, "x86_64", 3.5, "Intel", 7},
	{"c7i.large", 2, 2, 4096, "x86_64", 3.2, "Intel", 8},
	{"c7i.xlarge", 4, 2, 8192, "x86_64", 3.2, "Intel", 9},
	{"c7a.large", 2, 1, 4096, "x86_64", 3.7, "AMD", 10},
	{"c7a.xlarge", 4, 1, 8192, "x86_64", 3.7, "AMD", 11},
	{"c7g.large", 2, 1, 4096, "arm64", 2.6, "AWS", 12},
	{"c7g.xlarge", 4, 1, 8192, "arm64", 2.6, "AWS", 13},
	{"c8g.large", 2, 1, 4096, "arm64", 2.8, "AWS", 14},
	{"m7i.large", 2, 2, 8192, "x86_64", 3.2, "Intel", 15},
	{"m7g.large", 2, 1, 8192, "arm64", 2.6, "AWS", 16},
	{"c7a.medium", 1, 1, 2048, "x86_64", 3.7, "AMD", 17},
}

func hardwareNamed(name string) (hardware, bool) {
	i := slices.IndexFunc(hardwareTable, func(h hardware) bool { return h.name == name })
	if i < 0 {
		return hardware{}, false
	}
	return hardwareTable[i], true
}

type typeItem struct {
	Name       string      `xml:"instanceType"`
	Current    bool        `xml:"currentGeneration"`
	Free       bool        `xml:"freeTierEligible"`
	Usage      set[string] `xml:"supportedUsageClasses"`
	Roots      set[string] `xml:"supportedRootDeviceTypes"`
	Virtual    set[string] `xml:"supportedVirtualizationTypes"`
	BareMetal  bool        `xml:"bareMetal"`
	Hypervisor string      `xml:"hypervisor"`
	Arch       set[string] `xml:"processorInfo>supportedArchitectures"`
	Clock      float64     `xml:"processorInfo>sustainedClockSpeedInGhz,omitempty"`
	Maker      string      `xml:"processorInfo>manufacturer"`
	VCPUs      int         `xml:"vCpuInfo>defaultVCpus"`
	Cores      int         `xml:"vCpuInfo>defaultCores"`
	Threads    int         `xml:"vCpuInfo>defaultThreadsPerCore"`
	Memory     int         `xml:"memoryInfo>sizeInMiB"`
}

func (h hardware) item() typeItem {
	return typeItem{
		Name: h.name, Current: h.name != "m1.small", Free: h.name == "t3.micro" || h.name == "t4g.micro",
		Usage: set[string]{[]string{"on-demand", "spot"}}, Roots: set[string]{[]string{"ebs"}}, Virtual: set[string]{[]string{"hvm"}}, Hypervisor: "nitro",
		Arch: set[string]{[]string{h.arch}}, Clock: h.clock, Maker: h.maker, VCPUs: h.vcpus, Cores: h.vcpus / h.threads, Threads: h.threads, Memory: h.memory,
	}
}

func describeTypes(r *request) (any, error) {
	names := r.p.list("InstanceType")
	for _, name := range names {
		if _, ok := hardwareNamed(name); !ok {
			return nil, refuse("InvalidInstanceType", fmt.Sprintf("The following supplied instance types do not exist: [%s]", name))
		}
	}
	var found []hardware
	for _, h := range hardwareTable {
		ok, err := r.matches("", anyOf(map[string][]string{
			"instance-type": {h.name}, "processor-info.supported-architecture": {h.arch}, "vcpu-info.default-vcpus": {fmt.Sprint(h.vcpus)},
			"memory-info.size-in-mib": {fmt.Sprint(h.memory)}, "supported-usage-class": {"on-demand", "spot"}, "current-generation": {fmt.Sprint(h.name != "m1.small")},
			"hypervisor": {"nitro"}, "bare-metal": {"false"},
		}))
		if err != nil {
			return nil, err
		}
		if ok && (len(names) == 0 || slices.Contains(names, h.name)) {
			found = append(found, h)
		}
	}
	found, next, err := page(r, found)
	var items []typeItem
	for _, h := range found {
		items = append(items, h.item())
	}
	return struct {
		Types set[typeItem] `xml:"instanceTypeSet"`
		Next  string        `xml:"nextToken,omitempty"`
	}{set[typeItem]{items}, next}, err
}

type offeringItem struct {
	Type     string `xml:"instanceType"`
	Kind     string `xml:"locationType"`
	Location string `xml:"location"`
	number   int
}

func (o offeringItem) order() int { return o.number }

// describeOfferings: every type is offered everywhere.
func describeOfferings(r *request) (any, error) {
	kind := defaultTo(r.p.Get("LocationType"), "region")
	var locations []string
	switch kind {
	case "region":
		locations = []string{r.name}
	case "availability-zone":
		locations = r.zones()
	case "availability-zone-id":
		for _, zone := range r.zones() {
			locations = append(locations, zoneID(zone))
		}
	default:
		return nil, refuse("InvalidParameterValue", fmt.Sprintf("Invalid value '%s' for LocationType.", kind))
	}
	var found []offeringItem
	for _, h := range hardwareTable {
		for _, location := range locations {
			ok, err := r.matches("", anyOf(map[string][]string{"instance-type": {h.name}, "location": {location}}))
			if err != nil {
				return nil, err
			}
			if ok {
				found = append(found, offeringItem{h.name, kind, location, len(found) + 1})
			}
		}
	}
	items, next, err := page(r, found)
	return struct {
		Offerings set[offeringItem] `xml:"instanceTypeOfferingSet"`
		Next      string            `xml:"nextToken,omitempty"`
	}{set[offeringItem]{items}, next}, err
}
