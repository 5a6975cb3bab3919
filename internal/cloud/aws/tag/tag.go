// Package tag names the tags that everything of ours in AWS carries. They alone decide what is
// ours: a name that looks like ours is not enough to end anything.
package tag

import "time"

// The tags. Run is on everything; what has no Run is not ours.
const (
	Run     = "gofab:run"     // the run's id
	Owner   = "gofab:owner"   // who launched it, for people
	Expires = "gofab:expires" // when nobody can need it any more, as Time writes it
)

// The tags of instances alone.
const (
	First   = "gofab:first"    // number of the first machine of the order that the instance came with
	HostKey = "gofab:host-key" // public SSH host key, in authorized_keys form
	User    = "gofab:user"     // login name
	Private = "gofab:private"  // "true" when it is reached by its private address
	Price   = "gofab:price"    // US dollars an hour, where the play says so
)

// Time writes a moment as tags have it: RFC 3339 in UTC, to the second.
func Time(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// ParseTime reads what Time wrote; anything else is the zero time, which means that nobody knows.
func ParseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
