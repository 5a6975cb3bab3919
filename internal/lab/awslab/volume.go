package awslab

import (
	"fmt"
	"slices"
	"time"
)

const rootDevice = "/dev/sda1" // of every image

// disk is what a launch says of a volume.
type disk struct {
	device, kind string
	size         int // GiB
	encrypted    bool
	kept         bool // not DeleteOnTermination
}

// volume is an EBS volume that came with an instance.
type volume struct {
	disk
	id       string
	number   int
	created  time.Time
	region   *region
	zone     string
	instance *instance // nil: it is available
}

func (v *volume) order() int { return v.number }

// detach is what happens to the volume when its instance is terminated.
func (v *volume) detach() {
	v.instance = nil
	if !v.kept {
		delete(v.region.volumes, v.id)
		delete(v.region.tags, v.id)
	}
}

// readDisks reads BlockDeviceMapping. The root volume is there even if it is not mentioned.
func readDisks(p params) ([]disk, error) {
	root := disk{device: rootDevice, kind: "gp3", size: 8}
	all := []disk{root}
	for _, mapping := range p.each("BlockDeviceMapping") {
		if mapping.has("NoDevice") { // it suppresses one that the image has, and this has but the root
			continue
		}
		d := disk{device: mapping.Get("DeviceName"), kind: "gp3", size: 8}
		if d.device == "" {
			return nil, refuse("MissingParameter", "The request must contain the parameter deviceName")
		}
		ebs := mapping.under("Ebs")
		d.kind = defaultTo(ebs.Get("VolumeType"), d.kind)
		if !slices.Contains([]string{"gp2", "gp3", "io1", "io2", "st1", "sc1", "standard"}, d.kind) {
			return nil, refuse("InvalidParameterValue", fmt.Sprintf("Value (%s) for parameter volumeType is invalid.", d.kind))
		}
		var err error
		if d.size, err = ebs.number("VolumeSize", d.size); err != nil {
			return nil, err
		}
		if d.device == rootDevice && d.size < root.size {
			return nil, refuse("InvalidBlockDeviceMapping", fmt.Sprintf("Volume of size %dGB is smaller than snapshot, expect size >= %dGB", d.size, root.size))
		}
		if d.encrypted, err = ebs.flag("Encrypted", false); err != nil {
			return nil, err
		}
		deleted, err := ebs.flag("DeleteOnTermination", d.device == rootDevice)
		if err != nil {
			return nil, err
		}
		d.kept = !deleted
		if d.device == rootDevice {
			all[0] = d
		} else {
			all = append(all, d)
		}
	}
	return all, nil
}

type attachmentItem struct {
	Volume   string `xml:"volumeId"`
	Instance string `xml:"instanceId"`
	Device   string `xml:"device"`
	Status   string `xml:"status"`
	Time     string `xml:"attachTime"`
	Delete   bool   `xml:"deleteOnTermination"`
}

type volumeItem struct {
	ID          string              `xml:"volumeId"`
	Size        int                 `xml:"size"`
	Zone        string              `xml:"availabilityZone"`
	Status      string              `xml:"status"`
	Created     string              `xml:"createTime"`
	Kind        string              `xml:"volumeType"`
	Encrypted   bool                `xml:"encrypted"`
	Attachments set[attachmentItem] `xml:"attachmentSet"`
	Tags        set[tagItem]        `xml:"tagSet"`
}

func (v *volume) item() volumeItem {
	item := volumeItem{
		ID: v.id, Size: v.size, Zone: v.zone, Status: "available", Created: stamp(v.created), Kind: v.kind, Encrypted: v.encrypted, Tags: v.region.tagSet(v.id),
	}
	if i := v.instance; i != nil {
		item.Status = "in-use"
		item.Attachments.Items = []attachmentItem{{v.id, i.id, v.device, "attached", stamp(v.created), !v.kept}}
	}
	return item
}

func describeVolumes(r *request) (any, error) {
	ids := r.p.list("VolumeId")
	for _, id := range ids {
		if r.volumes[id] == nil {
			return nil, refuse("InvalidVolume.NotFound", fmt.Sprintf("The volume '%s' does not exist.", id))
		}
	}
	var found []*volume
	for _, v := range sorted(r.volumes) {
		item := v.item()
		known := map[string][]string{
			"volume-id": {v.id}, "status": {item.Status}, "availability-zone": {v.zone}, "volume-type": {v.kind}, "encrypted": {fmt.Sprint(v.encrypted)},
			"size": {fmt.Sprint(v.size)}, "attachment.instance-id": nil, "attachment.device": nil, "attachment.status": nil, "attachment.delete-on-termination": nil,
		}
		for _, a := range item.Attachments.Items {
			known["attachment.instance-id"], known["attachment.device"] = []string{a.Instance}, []string{a.Device}
			known["attachment.status"], known["attachment.delete-on-termination"] = []string{a.Status}, []string{fmt.Sprint(a.Delete)}
		}
		ok, err := r.matches(v.id, anyOf(known))
		if err != nil {
			return nil, err
		}
		if ok && (len(ids) == 0 || slices.Contains(ids, v.id)) {
			found = append(found, v)
		}
	}
	found, next, err := page(r, found)
	var items []volumeItem
	for _, v := range found {
		items = append(items, v.item())
	}
	return struct {
		Volumes set[volumeItem] `xml:"volumeSet"`
		Next    string          `xml:"nextToken,omitempty"`
	}{set[volumeItem]{items}, next}, err
}
