package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofab/gofab/internal/source"
	"github.com/gofab/gofab/playbooks"
)

// findPlaybook gives a playbook's text and the name to call it by in messages. A name without a
// slash is looked for here, then in playbooks/, then among those that come with gofab; the ending
// .yaml may be left out.
func findPlaybook(name string) (shown string, src []byte, err error) {
	if strings.ContainsRune(name, '/') {
		src, err = os.ReadFile(name)
		return name, src, err
	}
	names := []string{name}
	if filepath.Ext(name) == "" {
		names = append(names, name+".yaml", name+".yml")
	}
	isDir := false
	for _, dir := range []string{"", "playbooks"} {
		for _, n := range names {
			file := filepath.Join(dir, n)
			info, err := os.Stat(file)
			if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() && n != name {
				continue
			}
			if err == nil && info.IsDir() {
				isDir = true
				continue
			}
			src, err = os.ReadFile(file)
			return file, src, err
		}
	}
	for _, n := range names {
		if src, err = playbooks.FS.ReadFile(n); err == nil {
			return "builtin:" + n, src, nil
		}
	}
	if isDir {
		return name, nil, fmt.Errorf("%s is a directory: name the playbook in it, as in %s/FILE.yaml", name, name)
	}
	return name, nil, notFound(name)
}

func notFound(name string) error {
	known := builtinPlaybooks()
	for _, pattern := range []string{"*.yaml", "*.yml", "playbooks/*.yaml", "playbooks/*.yml"} {
		files, _ := filepath.Glob(pattern)
		for _, f := range files {
			known = append(known, filepath.Base(f))
		}
	}
	hint := source.Suggest(name, known)
	if hint == "" {
		hint = "with gofab come " + strings.Join(builtinPlaybooks(), ", ")
	}
	return fmt.Errorf("no playbook %s here, in playbooks/ or among those that come with gofab; %s", name, hint)
}

func builtinPlaybooks() []string {
	entries, _ := fs.ReadDir(playbooks.FS, ".")
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
