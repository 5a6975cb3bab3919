package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/local"
	"github.com/gofab/gofab/internal/cloud/static"
)

// newProvider makes the provider of a name; state is gofab's state directory.
func newProvider(name, state string, hosts []static.Host) (cloud.Provider, error) {
	runs := filepath.Join(state, "runs")
	switch name {
	case "local":
		return local.New(runs), nil
	case "static":
		if hosts == nil {
			return nil, errors.New("provider static lends hosts that you own: list them under hosts: or with -i")
		}
		return static.New(runs, hosts), nil
	}
	return nil, fmt.Errorf("unknown provider %q: there is %s", name, strings.Join(providers, ", "))
}

// providerOf makes the provider that a run's journal names, to look after the run from outside.
// A journal that does not say leaves local, whose truth lies in the run's own directory.
func providerOf(name, state string) (cloud.Provider, error) {
	if name == "" {
		name = "local"
	}
	return newProvider(name, state, []static.Host{})
}
