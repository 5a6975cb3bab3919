package cli

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/aws"
	"github.com/gofab/gofab/internal/cloud/local"
	"github.com/gofab/gofab/internal/cloud/static"
	"github.com/gofab/gofab/internal/journal"
)

// newProvider makes the provider of a name. state is gofab's state directory; region is for
// providers that work in one, empty for the one that the environment names.
func newProvider(name, state, region string, hosts []static.Host) (cloud.Provider, error) {
	runs := filepath.Join(state, "runs")
	switch name {
	case "local":
		return local.New(runs), nil
	case "aws":
		return aws.New(runs, region), nil
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
func providerOf(run journal.Run, state string) (cloud.Provider, error) {
	return newProvider(cmp.Or(run.Provider, "local"), state, run.Region, []static.Host{})
}
