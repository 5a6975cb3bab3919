package awslab

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// fields gives the values that a resource has for a filter, and whether there is such a filter.
type fields func(name string) (values []string, known bool)

// anyOf are fields by name.
func anyOf(known map[string][]string) fields {
	return func(name string) ([]string, bool) {
		values, ok := known[name]
		return values, ok
	}
}

// matches says whether a resource passes all of the request's filters.
func (r *request) matches(id string, of fields) (bool, error) {
	for _, f := range r.p.each("Filter") {
		have, known := r.filterValues(f.Get("Name"), id, of)
		if !known {
			return false, refuse("InvalidParameterValue", fmt.Sprintf("The filter '%s' is invalid", f.Get("Name")))
		}
		want := f.list("Value")
		if !slices.ContainsFunc(have, func(value string) bool {
			return slices.ContainsFunc(want, func(pattern string) bool { return like(pattern, value) })
		}) {
			return false, nil
		}
	}
	return true, nil
}

func (r *request) filterValues(name, id string, of fields) ([]string, bool) {
	tags := r.tags[id]
	if key, ok := strings.CutPrefix(name, "tag:"); ok {
		if value, ok := tags[key]; ok {
			return []string{value}, true
		}
		return nil, true
	}
	switch name {
	case "tag-key":
		return slices.Collect(maps.Keys(tags)), true
	case "tag-value":
		return slices.Collect(maps.Values(tags)), true
	}
	return of(name)
}

// like compares a value with a pattern: * is any text, ? any character, \ takes the next as it is.
func like(pattern, value string) bool {
	if pattern == "" {
		return value == ""
	}
	switch pattern[0] {
	case '*':
		return like(pattern[1:], value) || value != "" && like(pattern, value[1:])
	case '?':
		return value != "" && like(pattern[1:], value[1:])
	case '\\':
		if len(pattern) > 1 {
			pattern = pattern[1:]
		}
	}
	return value != "" && value[0] == pattern[0] && like(pattern[1:], value[1:])
}

// sorted lists the resources of a region in the order in which they were created.
func sorted[T interface{ order() int }](all map[string]T) []T {
	return slices.SortedFunc(maps.Values(all), func(a, b T) int { return cmp.Compare(a.order(), b.order()) })
}

// page cuts one page out of items, which are in order, and returns the token of the next.
func page[T interface{ order() int }](r *request, items []T) ([]T, string, error) {
	size, err := r.p.number("MaxResults", r.e.cfg.Page)
	if err != nil {
		return nil, "", err
	}
	if r.p.has("MaxResults") && (size < 5 || size > 1000) {
		return nil, "", refuse("InvalidParameterValue", fmt.Sprintf("Value ( %d ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.", size))
	}
	if token := r.p.Get("NextToken"); token != "" {
		last, err := readToken(token)
		if err != nil {
			return nil, "", refuse("InvalidNextToken", "The specified NextToken is not valid")
		}
		items = slices.DeleteFunc(slices.Clone(items), func(item T) bool { return item.order() <= last })
	}
	if len(items) <= size {
		return items, "", nil
	}
	return items[:size], makeToken(items[size-1].order()), nil
}

// A token names the last entry of a page, so that entries which come or go move no other.
func makeToken(last int) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "after %d", last))
}

func readToken(token string) (int, error) {
	text, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimPrefix(string(text), "after "))
}
