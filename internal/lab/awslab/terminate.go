package awslab

import (
	"encoding/base64"
	"fmt"
)

type changeItem struct {
	ID       string    `xml:"instanceId"`
	Current  stateItem `xml:"currentState"`
	Previous stateItem `xml:"previousState"`
}

// terminateInstances ends none if one of them is not known. Of a protected one, the others in its
// zone are spared with it, those in other zones are not. It can be repeated.
func terminateInstances(r *request) (any, error) {
	if err := r.p.require("InstanceId.1"); err != nil {
		return nil, err
	}
	var wanted []*instance
	var refused error
	spared := map[string]bool{} // zones
	if err := r.unknown(r.p.list("InstanceId")); err != nil {
		return nil, err
	}
	for _, id := range r.p.list("InstanceId") {
		i, err := r.instance(id)
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, i)
		if i.launch.protected && i.state != terminated {
			spared[i.launch.zone] = true
			refused = refuse("OperationNotPermitted", fmt.Sprintf("The instance '%s' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.", id))
		}
	}
	var items []changeItem
	for _, i := range wanted {
		if spared[i.launch.zone] {
			continue
		}
		before := i.state
		i.shutDown(byUser)
		items = append(items, changeItem{i.id, i.state.item(), before.item()})
	}
	if refused != nil {
		return nil, refused
	}
	return struct {
		Instances set[changeItem] `xml:"instancesSet"`
	}{set[changeItem]{items}}, nil
}

// getConsoleOutput shows what the machine has logged.
func getConsoleOutput(r *request) (any, error) {
	if err := r.p.require("InstanceId"); err != nil {
		return nil, err
	}
	i, err := r.instance(r.p.Get("InstanceId"))
	if err != nil {
		return nil, err
	}
	text := i.console
	if i.machine != nil {
		text = i.launch.data.problem + i.machine.Log()
	}
	return struct {
		ID     string `xml:"instanceId"`
		Time   string `xml:"timestamp"`
		Output string `xml:"output"`
	}{i.id, stamp(r.now), base64.StdEncoding.EncodeToString([]byte(text))}, nil
}
