//go:build release

package payload

import "embed"

// packed is the miners that `make release` has built before gofab itself.
//
//go:embed bin/*.gz
var packed embed.FS
