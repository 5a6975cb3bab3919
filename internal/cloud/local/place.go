package local

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofab/gofab/internal/cloud"
)

const prefix = "local-" // of machine names; the number follows

// place is the directory of one machine, whether it lives or not.
type place struct {
	dir   string // absolute
	run   string
	index int
}

func (p place) name() string   { return filepath.Base(p.dir) }
func (p place) home() string   { return filepath.Join(p.dir, "home") }
func (p place) tmp() string    { return filepath.Join(p.dir, "tmp") }
func (p place) syslog() string { return filepath.Join(p.home(), "var", "log", "syslog") }

// file is a path in the machine's directory: lock, machine.json, hostkey, console.log.
func (p place) file(name string) string { return filepath.Join(p.dir, name) }

// birth is machine.json: all that is known of a machine, written before it is started.
type birth struct {
	Run        string    `json:"run"`
	Name       string    `json:"name"`
	Index      int       `json:"index"`
	Address    string    `json:"address"`
	Port       int       `json:"port"`
	User       string    `json:"user"`
	HostKey    string    `json:"host_key"` // public; the private half is in the file hostkey
	UserKey    string    `json:"user_key"` // or several, one a line
	Launched   time.Time `json:"launched"`
	Expires    time.Time `json:"expires"`
	Generation int64     `json:"generation"`       // of the fleet, see generation
	Hourly     float64   `json:"hourly,omitempty"` // US dollars, where the order has a price
}

func (p place) writeBirth(b birth) error {
	data, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	temp := p.file(".machine.json")
	if err := os.WriteFile(temp, append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, p.file("machine.json"))
}

func (p place) readBirth() (birth, error) {
	var b birth
	data, err := os.ReadFile(p.file("machine.json"))
	if err == nil {
		err = json.Unmarshal(data, &b)
	}
	if err != nil {
		return birth{}, fmt.Errorf("machine %s: %w", p.dir, err)
	}
	return b, nil
}

// machine describes a living machine. If its machine.json was damaged only its name is known:
// enough to end it.
func (p place) machine() cloud.Machine {
	b, err := p.readBirth()
	if err != nil {
		b = birth{}
	}
	m := cloud.Machine{
		ID: p.run + "/" + p.name(), Run: p.run, Name: p.name(),
		Address: b.Address, Port: b.Port, User: b.User, HostKey: b.HostKey,
		Launched: b.Launched, Expires: b.Expires,
	}
	if b.Hourly > 0 {
		price := priceOf(b.Hourly)
		m.Price = &price
	}
	return m
}

// numberOf reads the number in a machine's name.
func numberOf(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && strconv.Itoa(n) == digits && n >= 0
}

func sortByIndex(places []place) {
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.index, b.index) })
}

// placeAt is the place at a directory, as a machine's own process sees it.
func placeAt(dir string) place {
	index, _ := numberOf(filepath.Base(dir))
	return place{dir: dir, run: filepath.Base(filepath.Dir(filepath.Dir(dir))), index: index}
}

func (p place) fleet() string { return filepath.Dir(p.dir) }
