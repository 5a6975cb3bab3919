package runner

import (
	"context"
	"io/fs"
)

// Peer is an optional role of a Conn: its host can hand a file on to other hosts, and take one
// from them, without the controller in between.
type Peer interface {
	// Serve lets whoever has the file's key fetch, from this host, what Put has put at dest, until
	// ctx ends. It calls ready when that is possible. After it has returned the key opens nothing
	// here any more, or the error says that this could not be confirmed.
	Serve(ctx context.Context, file Shared, dest string, ready func(Source)) error

	// Fetch is Put, but the content comes from another host. What comes has the file's checksum,
	// or does not appear under its name.
	Fetch(ctx context.Context, file Shared, from Source, dest string) (Copied, error)
}

// Shared is one file that hosts hand on.
type Shared struct {
	Name    string // its last part
	Size    int64
	Sum     string      // SHA-256, hex
	Mode    fs.FileMode // that it gets
	Private string      // key that fetches it, as OpenSSH has it in files
	Public  string      // the same in authorized_keys form
}

// Source is a host that serves a file, as other hosts reach it.
type Source struct {
	Addresses []Address // to be tried in this order
	User      string
	HostKey   string // in authorized_keys form: what the controller has checked
}

// Address is where a host's SSH server listens.
type Address struct{ Host, Port string }
