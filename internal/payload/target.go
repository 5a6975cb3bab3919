package payload

import (
	"fmt"
	"slices"
	"strings"
)

// systems are the names that uname -s has for Go's operating systems.
var systems = map[string]string{
	"Linux":   "linux",
	"Darwin":  "darwin",
	"FreeBSD": "freebsd",
}

// processors are the names that uname -m has for Go's architectures.
var processors = map[string]string{
	"x86_64":      "amd64",
	"amd64":       "amd64",
	"aarch64":     "arm64",
	"arm64":       "arm64",
	"armv8l":      "arm",
	"armv7l":      "arm",
	"armv6l":      "arm",
	"i386":        "386",
	"i686":        "386",
	"riscv64":     "riscv64",
	"ppc64le":     "ppc64le",
	"s390x":       "s390x",
	"loongarch64": "loong64",
}

// architectures are those for which Go builds on each operating system.
var architectures = map[string][]string{
	"linux":   {"amd64", "arm64", "arm", "386", "riscv64", "ppc64le", "s390x", "loong64"},
	"darwin":  {"amd64", "arm64"},
	"freebsd": {"amd64", "arm64", "arm", "386", "riscv64"},
}

// Target turns what uname -s and uname -m print on a machine into Go's names for it.
func Target(unameS, unameM string) (goos, goarch string, err error) {
	unameS, unameM = strings.TrimSpace(unameS), strings.TrimSpace(unameM)
	t := target{systems[unameS], processors[unameM]}
	if !t.known() {
		return "", "", fmt.Errorf("no miner for a machine of the kind %q %q (uname -s, uname -m): "+
			"build cmd/miner for it yourself and put that file instead of builtin:miner", unameS, unameM)
	}
	return t.goos, t.goarch, nil
}

// target is a kind of machine, in Go's words.
type target struct{ goos, goarch string }

func (t target) String() string { return t.goos + "/" + t.goarch }

func (t target) known() bool { return slices.Contains(architectures[t.goos], t.goarch) }

// file is what the miner for this target is called wherever it lies.
func (t target) file() string { return "miner-" + t.goos + "-" + t.goarch }
