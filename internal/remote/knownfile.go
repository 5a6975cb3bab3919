package remote

import (
	"errors"
	"io/fs"
	"os"

	"github.com/skeema/knownhosts"
)

// knownFile is a known_hosts file as it was last read. A thousand hosts may share one file of a
// thousand lines, so it is read again only when it has changed.
type knownFile struct {
	state fs.FileInfo // nil: there was none
	db    *knownhosts.HostKeyDB
}

// open gives what the file says now; it need not be there. What it gives does not change.
func (f *knownFile) open(name string) (*knownhosts.HostKeyDB, error) {
	state, err := os.Stat(name)
	var files []string
	switch {
	case err == nil:
		files = append(files, name)
	case errors.Is(err, fs.ErrNotExist):
		state = nil
	default:
		return nil, err
	}
	if f.db != nil && unchanged(f.state, state) {
		return f.db, nil
	}
	db, err := knownhosts.NewDB(files...)
	if err != nil {
		return nil, err
	}
	f.state, f.db = state, db
	return db, nil
}

func unchanged(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
