package static

import (
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/gofab/gofab/internal/source"
)

// keys are what may follow a host.
var keys = []string{"user", "port", "key", "password", "password_env", "name", "known_hosts", "host_key_checking"}

// ParseHost reads `[user@]host[:port] [key=value…]`, as in an inventory file or an entry of a
// playbook's `hosts:`. pos is where text begins. All mistakes are reported, as source.Errors. Name
// is empty unless text gives one: names depend on the other hosts, see Check.
func ParseHost(text string, pos source.Pos) (Host, error) {
	host, errs := parseHost(text, pos)
	if err := errs.Err(); err != nil {
		return Host{}, err
	}
	return host, nil
}

func parseHost(text string, pos source.Pos) (host Host, errs source.List) {
	words := split(text, pos, &errs)
	if len(words) == 0 {
		errs.Addf(pos, "no host here")
		return host, errs
	}
	host = Host{Pos: words[0].pos}
	host.parseTarget(words[0], &errs)
	given := map[string]bool{"user": host.User != "", "port": host.Port != 0}
	for _, w := range words[1:] {
		key, value, ok := strings.Cut(w.text, "=")
		switch {
		case !ok:
			e := &source.Error{Pos: w.pos, Msg: fmt.Sprintf("%q is not key=value", w.text), Hint: "a host has a line of its own"}
			if strings.Contains(text, "password=") { // it may be a piece of one
				e.Msg, e.Hint = "a word that is not key=value", "a value that holds blanks goes in quotes"
			}
			errs.Add(e)
		case !slices.Contains(keys, key):
			errs.Add(&source.Error{Pos: w.pos, Msg: fmt.Sprintf("unknown key %q", key), Hint: suggest(key)})
		case given[key]:
			errs.Addf(w.pos, "%s is given twice", key)
		case value == "":
			errs.Addf(w.pos, "%s is empty", key)
		default:
			host.set(key, value, w.pos, &errs)
		}
		given[key] = true
	}
	if given["password"] && given["password_env"] {
		errs.Addf(host.Pos, "password and password_env are both given")
	}
	host.User = cmp.Or(host.User, currentUser())
	host.Port = cmp.Or(host.Port, 22)
	return host, errs
}

// parseTarget reads [user@]host[:port].
func (h *Host) parseTarget(w word, errs *source.List) {
	target := w.text
	if at := strings.LastIndexByte(target, '@'); at >= 0 {
		if h.User, target = target[:at], target[at+1:]; h.User == "" {
			errs.Addf(w.pos, "no user before @")
		}
	}
	address, port, ported := cutPort(target)
	h.Address = address
	if ported {
		h.setPort(port, w.pos, errs)
	}
	switch {
	case address == "":
		errs.Addf(w.pos, "no host in %q", w.text)
	case strings.ContainsAny(address, ":[]"):
		if _, err := netip.ParseAddr(address); err != nil {
			errs.Add(&source.Error{Pos: w.pos, Msg: fmt.Sprintf("%q is not an address", target), Hint: "IPv6 with a port is written [address]:port"})
		}
	case strings.ContainsAny(address, "=/\\,;'\"") || strings.ContainsFunc(address, notInName):
		errs.Add(&source.Error{Pos: w.pos, Msg: fmt.Sprintf("%q is not a host", address), Hint: "a line begins with [user@]host[:port]"})
	case address[0] == '-':
		errs.Addf(w.pos, "%q is not a host", address)
	}
}

// cutPort separates host:port and [address]:port; a bare IPv6 address has no port.
func cutPort(target string) (address, port string, ported bool) {
	if inner, ok := strings.CutPrefix(target, "["); ok {
		if address, rest, ok := strings.Cut(inner, "]"); ok && (rest == "" || rest[0] == ':') {
			return address, strings.TrimPrefix(rest, ":"), rest != ""
		}
		return target, "", false
	}
	if strings.Count(target, ":") == 1 {
		return strings.Cut(target, ":")
	}
	return target, "", false
}

func (h *Host) set(key, value string, pos source.Pos, errs *source.List) {
	switch key {
	case "user":
		h.User = value
	case "port":
		h.setPort(value, pos, errs)
	case "key":
		h.Login.KeyFile = expandHome(value)
	case "password":
		h.Login.Password = value
	case "password_env":
		if h.Login.Password = os.Getenv(value); h.Login.Password == "" {
			errs.Addf(pos, "the environment variable %s is not set", value)
		}
	case "known_hosts":
		h.Login.KnownHosts = expandHome(value)
	case "name":
		if h.Name = value; strings.ContainsRune(value, '/') || strings.ContainsFunc(value, notInName) {
			errs.Addf(pos, "name %q has a slash, a space or a control character", value)
		}
	case "host_key_checking":
		switch value {
		case "yes":
		case "accept-new":
			h.Login.AcceptNewKey = true
		default:
			errs.Add(&source.Error{Pos: pos, Msg: fmt.Sprintf("host_key_checking=%s", value), Hint: "it is yes or accept-new"})
		}
	}
}

func (h *Host) setPort(text string, pos source.Pos, errs *source.List) {
	port, err := strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 {
		errs.Addf(pos, "port %q is not a number from 1 to 65535", text)
		return
	}
	h.Port = port
}

// expandHome does what a shell would have done: no shell sees an inventory file.
func expandHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return path
}

func notInName(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// ansibles are keys that Ansible's inventories have for what is called otherwise here.
var ansibles = map[string]string{
	"ansible_host":                 "a line begins with the address; name=web1 names the host",
	"ansible_port":                 "it is port here",
	"ansible_user":                 "it is user here",
	"ansible_password":             "it is password here",
	"ansible_ssh_pass":             "it is password here",
	"ansible_ssh_private_key_file": "it is key here",
}

func suggest(key string) string {
	return cmp.Or(ansibles[key], source.Suggest(key, keys), "the keys are "+strings.Join(keys, ", "))
}
