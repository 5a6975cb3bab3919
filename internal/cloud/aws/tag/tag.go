// Package tag has the names of the tags by which what gofab has made in an AWS account is told from
// everything else. Only what carries them is ever ended or deleted.
package tag

const (
	Run     = "gofab:run"      // the run's id
	Owner   = "gofab:owner"    // user@computer of whoever launched it
	Expires = "gofab:expires"  // when it may be taken to be forgotten: RFC 3339, UTC
	First   = "gofab:first"    // number of the first machine of the order that an instance came with
	HostKey = "gofab:host-key" // public SSH host key of an instance, in authorized_keys form
	User    = "gofab:user"     // login name of an instance
	Private = "gofab:private"  // "true" on an instance that is reached by its private address
	Price   = "gofab:price"    // US dollars an hour for an instance, where the play says so
)
