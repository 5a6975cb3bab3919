package static

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gofab/gofab/internal/source"
)

// ParseInventory reads the argument of -i. With a comma in it, it is a list of hosts
// (`-i one,user@two:2222,`); otherwise it names a file with a host a line, in which # begins a
// comment. read gets the file; nil means os.ReadFile. All mistakes of an inventory are returned
// together; an inventory without a host is one.
func ParseInventory(arg string, read func(name string) ([]byte, error)) ([]Host, error) {
	if strings.Contains(arg, ",") {
		return parseList(arg)
	}
	if read == nil {
		read = os.ReadFile
	}
	data, err := read(arg)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("inventory: %w (for a list of hosts write a comma: -i %s,)", err, arg)
	}
	if err != nil {
		return nil, fmt.Errorf("inventory: %w", err)
	}
	return parseFile(arg, string(data))
}

func parseList(arg string) ([]Host, error) {
	var entries []entry
	col := 1
	for part := range strings.SplitSeq(arg, ",") {
		if strings.TrimSpace(part) != "" {
			entries = append(entries, entry{part, source.Pos{File: "-i", Line: 1, Col: col}})
		}
		col += utf8.RuneCountInString(part) + 1
	}
	return parseEntries(entries, source.Pos{File: "-i " + arg})
}

func parseFile(name, text string) ([]Host, error) {
	var entries []entry
	text = strings.TrimPrefix(text, "\ufeff")
	line := 0
	for raw := range strings.Lines(text) {
		line++
		raw = strings.TrimRight(raw, "\r\n")
		if start := strings.TrimSpace(raw); start != "" && start[0] != '#' {
			entries = append(entries, entry{raw, source.Pos{File: name, Line: line, Col: 1}})
		}
	}
	return parseEntries(entries, source.Pos{File: name})
}

// entry is the text of one host and where it begins.
type entry struct {
	text string
	pos  source.Pos
}

func parseEntries(entries []entry, whole source.Pos) ([]Host, error) {
	var errs source.List
	var hosts []Host
	if len(entries) == 0 {
		errs.Addf(whole, "the inventory has no host")
	}
	for _, e := range entries {
		host, mistakes := parseHost(e.text, e.pos)
		if err := mistakes.Err(); err != nil {
			for _, m := range source.All(err, e.pos) {
				errs.Add(m)
			}
			continue
		}
		hosts = append(hosts, host)
	}
	hosts, err := Check(hosts)
	for _, m := range source.All(err, whole) {
		errs.Add(m)
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return hosts, nil
}

// Check makes one inventory of hosts that were read one by one: the same user@host:port or the
// same name twice is a mistake, and hosts without a name get one.
func Check(hosts []Host) ([]Host, error) {
	var errs source.List
	seen := map[string]source.Pos{}
	for _, h := range hosts {
		if first, twice := seen[h.id()]; twice {
			errs.Addf(h.Pos, "%s is there already, at %s", h.id(), first)
			continue
		}
		seen[h.id()] = h.Pos
	}
	hosts = slices.Clone(hosts)
	nameHosts(hosts, &errs)
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return hosts, nil
}

// nameHosts gives each host without a name the shortest of host, host:port and user@host:port
// that no other has. A name that was given is kept, and must be unique.
func nameHosts(hosts []Host, errs *source.List) {
	taken := map[string]source.Pos{}
	for _, h := range hosts {
		if first, twice := taken[h.Name]; twice && h.Name != "" {
			errs.Addf(h.Pos, "the name %s is taken already, at %s", h.Name, first)
		}
		taken[h.Name] = h.Pos
	}
	forms := []func(Host) string{
		func(h Host) string { return h.Address },
		Host.target,
		Host.id,
	}
	for _, form := range forms {
		uses := map[string]int{}
		for _, h := range hosts {
			if h.Name == "" {
				uses[form(h)]++
			}
		}
		for i, h := range hosts {
			if _, is := taken[form(h)]; h.Name == "" && !is && uses[form(h)] == 1 {
				hosts[i].Name = form(h)
			}
		}
	}
}
