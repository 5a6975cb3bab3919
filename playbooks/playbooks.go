// Package playbooks holds the playbooks that come with gofab.
package playbooks

import "embed"

// FS has a file for each of them.
//
//go:embed *.yaml
var FS embed.FS
