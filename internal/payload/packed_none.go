//go:build !release

package payload

import "embed"

// packed is empty: without the tag release, gofab carries the miner as source only.
var packed embed.FS
