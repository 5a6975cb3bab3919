package awslab

import (
	_ "embed"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// params are those of a request in the Query protocol: A.1.B=c is B in the first of the list A.
type params struct{ url.Values }

func (p params) has(name string) bool { _, ok := p.Values[name]; return ok }

// list is the values of name.1, name.2, …
func (p params) list(name string) []string {
	var values []string
	for _, n := range p.numbers(name) {
		if key := fmt.Sprintf("%s.%d", name, n); p.has(key) {
			values = append(values, p.Get(key))
		}
	}
	return values
}

// each is the structures name.1.*, name.2.*, …
func (p params) each(name string) []params {
	var all []params
	for _, n := range p.numbers(name) {
		all = append(all, p.under(fmt.Sprintf("%s.%d", name, n)))
	}
	return all
}

// under is the structure name.*
func (p params) under(name string) params {
	sub := params{url.Values{}}
	for key, values := range p.Values {
		if rest, ok := strings.CutPrefix(key, name+"."); ok {
			sub.Values[rest] = values
		}
	}
	return sub
}

func (p params) numbers(name string) []int {
	var found []int
	for key := range p.Values {
		if rest, ok := strings.CutPrefix(key, name+"."); ok {
			digits, _, _ := strings.Cut(rest, ".")
			if n, err := strconv.Atoi(digits); err == nil {
				found = append(found, n)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// number is an integer parameter; it is otherwise when it is not given.
func (p params) number(name string, otherwise int) (int, error) {
	if !p.has(name) {
		return otherwise, nil
	}
	n, err := strconv.Atoi(p.Get(name))
	if err != nil {
		return 0, refuse("InvalidParameterValue", fmt.Sprintf("Value (%s) for parameter %s is invalid. Expected an integer", p.Get(name), name))
	}
	return n, nil
}

// flag is a boolean parameter; it is otherwise when it is not given.
func (p params) flag(name string, otherwise bool) (bool, error) {
	if !p.has(name) {
		return otherwise, nil
	}
	b, err := strconv.ParseBool(p.Get(name))
	if err != nil {
		return false, refuse("InvalidParameterValue", fmt.Sprintf("Value (%s) for parameter %s is invalid. Expected a boolean", p.Get(name), name))
	}
	return b, nil
}

func (p params) require(names ...string) error {
	for _, name := range names {
		if p.Get(name) == "" {
			return refuse("MissingParameter", "The request must contain the parameter "+name)
		}
	}
	return nil
}

// documentedText lists, for each action, the parameters that EC2 documents, # for the number in
// a list. It is made from AWS's model, as the SDK's serializers have it: see TestDocumented.
//
//go:embed documented.txt
var documentedText string

var documented = func() map[string]map[string]bool {
	all := map[string]map[string]bool{}
	for line := range strings.Lines(documentedText) {
		action, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if all[action] == nil {
			all[action] = map[string]bool{}
		}
		all[action][name] = true
	}
	return all
}()

var listNumber = regexp.MustCompile(`\.\d+(\.|$)`)

// checkNames refuses what EC2 does not document.
func (p params) checkNames(action string) error {
	for key := range p.Values {
		name := key
		for listNumber.MatchString(name) { // twice for .1.2
			name = listNumber.ReplaceAllString(name, ".#$1")
		}
		if name == "Action" || name == "Version" || strings.HasPrefix(name, "X-Amz-") || documented[action][name] {
			continue
		}
		return refuse("UnknownParameter", fmt.Sprintf("The parameter %s is not recognized", key))
	}
	return nil
}
