package journal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// StateDir is where gofab keeps what it must not forget: $XDG_STATE_HOME/gofab, by default
// ~/.local/state/gofab. It is not made here.
func StateDir() (string, error) {
	// The XDG specification tells us to ignore a relative path.
	if xdg := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(xdg) {
		return filepath.Join(xdg, "gofab"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".local", "state", "gofab"), nil
}

// Dir is the directory of a run. The id must be valid (ValidID), or the path could lead anywhere.
func Dir(stateDir, id string) string { return filepath.Join(stateDir, "runs", id) }

// mkdirAllSync is os.MkdirAll, private to the user, whose new directories survive a power cut.
func mkdirAllSync(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrNotExist) {
		if err := mkdirAllSync(filepath.Dir(dir)); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o700)
	}
	if errors.Is(err, fs.ErrExist) {
		info, statErr := os.Stat(dir)
		if statErr == nil && !info.IsDir() {
			return err
		}
		return statErr
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

// syncDir makes the names in dir durable, where the file system can do that.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
