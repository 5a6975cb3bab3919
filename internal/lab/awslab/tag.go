package awslab

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// tags are those of one resource, by key.
type tags map[string]string

type tagItem struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

// tagSet is the element tagSet of the resource.
func (r *region) tagSet(id string) set[tagItem] {
	var items []tagItem
	for _, key := range slices.Sorted(maps.Keys(r.tags[id])) {
		items = append(items, tagItem{key, r.tags[id][key]})
	}
	return set[tagItem]{items}
}

// addTags gives the resource tags, which replace those of the same keys.
func (r *region) addTags(id string, more tags) {
	if len(more) == 0 {
		return
	}
	if r.tags[id] == nil {
		r.tags[id] = tags{}
	}
	maps.Copy(r.tags[id], more)
}

// readTags reads the list Tag. The limits are those of the user guide, "Tag restrictions".
func readTags(p params) (tags, error) {
	all := tags{}
	for _, tag := range p.each("Tag") {
		key, value := tag.Get("Key"), tag.Get("Value")
		switch _, twice := all[key]; {
		case key == "":
			return nil, refuse("InvalidParameterValue", "Tag key cannot be empty")
		case twice:
			return nil, refuse("InvalidParameterValue", fmt.Sprintf("Duplicate tag key '%s' specified.", key))
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return nil, refuse("InvalidParameterValue", fmt.Sprintf("Tag keys starting with 'aws:' are reserved for internal use: %s", key))
		case len([]rune(key)) > 128:
			return nil, refuse("InvalidParameterValue", "Tag key exceeds the maximum length of 128 characters")
		case len([]rune(value)) > 256:
			return nil, refuse("InvalidParameterValue", "Tag value exceeds the maximum length of 256 characters")
		}
		all[key] = value
	}
	if len(all) > 50 {
		return nil, refuse("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
	}
	return all, nil
}

// tagSpecifications reads what resources of each type are to be tagged with when they are created.
func tagSpecifications(p params, allowed ...string) (map[string]tags, error) {
	all := map[string]tags{}
	for _, spec := range p.each("TagSpecification") {
		kind := spec.Get("ResourceType")
		if !slices.Contains(allowed, kind) {
			return nil, refuse("InvalidParameterValue", fmt.Sprintf("'%s' is not a valid taggable resource type for this operation.", kind))
		}
		if all[kind] != nil {
			return nil, refuse("InvalidParameterValue", fmt.Sprintf("The resource type '%s' is specified more than once in TagSpecifications", kind))
		}
		tags, err := readTags(spec)
		if err != nil {
			return nil, err
		}
		all[kind] = tags
	}
	return all, nil
}

// kinds are the types of resources that exist here, by the beginning of their ids.
var kinds = map[string]string{
	"i": "instance", "vol": "volume", "eni": "network-interface", "sg": "security-group", "sgr": "security-group-rule",
	"key": "key-pair", "sir": "spot-instances-request", "vpc": "vpc", "subnet": "subnet",
}

func kindOf(id string) string {
	prefix, _, _ := strings.Cut(id, "-")
	return kinds[prefix]
}

// exists says whether the region has the resource.
func (r *request) exists(id string) error {
	notFound := refuse("InvalidID", fmt.Sprintf("The ID '%s' is not valid", id))
	found := false
	switch kindOf(id) {
	case "instance":
		_, err := r.instance(id)
		return err
	case "security-group":
		_, err := r.group(id)
		return err
	case "volume":
		notFound = refuse("InvalidVolume.NotFound", fmt.Sprintf("The volume '%s' does not exist.", id))
		found = r.volumes[id] != nil
	case "key-pair":
		notFound = refuse("InvalidKeyPair.NotFound", fmt.Sprintf("The key pair ID '%s' does not exist", id))
		found = r.keyByID(id) != nil
	case "network-interface", "spot-instances-request", "security-group-rule":
		_, found = r.tags[id]
	}
	if !found {
		return notFound
	}
	return nil
}

func createTags(r *request) (any, error) {
	if err := r.p.require("ResourceId.1", "Tag.1.Key"); err != nil {
		return nil, err
	}
	more, err := readTags(r.p)
	if err != nil {
		return nil, err
	}
	ids := r.p.list("ResourceId")
	for _, id := range ids {
		if err := r.exists(id); err != nil {
			return nil, err
		}
	}
	for _, id := range ids {
		r.addTags(id, more)
	}
	return done{true}, nil
}

// deleteTags takes tags away: all of them if none is named, one of any value if none is given.
func deleteTags(r *request) (any, error) {
	if err := r.p.require("ResourceId.1"); err != nil {
		return nil, err
	}
	for _, id := range r.p.list("ResourceId") {
		if !r.p.has("Tag.1.Key") {
			clear(r.tags[id])
		}
		for _, tag := range r.p.each("Tag") {
			key := tag.Get("Key")
			if !tag.has("Value") || tag.Get("Value") == r.tags[id][key] {
				delete(r.tags[id], key)
			}
		}
	}
	return done{true}, nil
}

// taggedItem is one tag of one resource.
type taggedItem struct {
	ResourceID   string `xml:"resourceId"`
	ResourceType string `xml:"resourceType"`
	Key          string `xml:"key"`
	Value        string `xml:"value"`
	number       int
}

func (t taggedItem) order() int { return t.number }

func describeTags(r *request) (any, error) {
	var all []taggedItem
	for id, tags := range r.tags {
		for key, value := range tags {
			item := taggedItem{ResourceID: id, ResourceType: kindOf(id), Key: key, Value: value}
			ok, err := r.matches(id, anyOf(map[string][]string{
				"resource-id": {id}, "resource-type": {item.ResourceType}, "key": {key}, "value": {value},
			}))
			if err != nil {
				return nil, err
			}
			if ok {
				all = append(all, item)
			}
		}
	}
	slices.SortFunc(all, func(a, b taggedItem) int {
		return cmp.Or(cmp.Compare(a.ResourceID, b.ResourceID), cmp.Compare(a.Key, b.Key))
	})
	for i := range all {
		all[i].number = i + 1
	}
	items, next, err := page(r, all)
	return struct {
		Tags set[taggedItem] `xml:"tagSet"`
		Next string          `xml:"nextToken,omitempty"`
	}{set[taggedItem]{items}, next}, err
}
