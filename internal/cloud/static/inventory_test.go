package static

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/source"
)

func inventory(text string) func(string) ([]byte, error) {
	return func(string) ([]byte, error) { return []byte(text), nil }
}

func TestInventoryFile(t *testing.T) {
	t.Setenv("GOFAB_TEST_PASSWORD", "s3cret")
	hosts, err := ParseInventory("hosts", inventory("\ufeff# the lab\r\n"+`
alice@one:2222   # comment
two user=bob port=23 key="/home/bob/my key" known_hosts='/etc/k h' host_key_checking=accept-new
"three" name=third password='a "b" #c' # x
[::1]:24 user=x password_env=GOFAB_TEST_PASSWORD
fe80::1%eth0 user=x
127.0.0.1 user=a
127.0.0.1 user=b
127.0.0.2 user=a
127.0.0.2:23 user=a
`))
	if err != nil {
		t.Fatal(err)
	}
	me := currentUser()
	want := []Host{
		{Name: "one", Address: "one", Port: 2222, User: "alice"},
		{Name: "two", Address: "two", Port: 23, User: "bob", Login: cloud.Login{KeyFile: "/home/bob/my key", KnownHosts: "/etc/k h", AcceptNewKey: true}},
		{Name: "third", Address: "three", Port: 22, User: me, Login: cloud.Login{Password: `a "b" #c`}},
		{Name: "::1", Address: "::1", Port: 24, User: "x", Login: cloud.Login{Password: "s3cret"}},
		{Name: "fe80::1%eth0", Address: "fe80::1%eth0", Port: 22, User: "x"},
		{Name: "a@127.0.0.1:22", Address: "127.0.0.1", Port: 22, User: "a"},
		{Name: "b@127.0.0.1:22", Address: "127.0.0.1", Port: 22, User: "b"},
		{Name: "127.0.0.2:22", Address: "127.0.0.2", Port: 22, User: "a"},
		{Name: "127.0.0.2:23", Address: "127.0.0.2", Port: 23, User: "a"},
	}
	for i, got := range hosts {
		if got.Pos.Line != i+3 || got.Pos.File != "hosts" {
			t.Errorf("%s is at %s", got.Name, got.Pos)
		}
		got.Pos = source.Pos{}
		if i >= len(want) || !reflect.DeepEqual(got, want[i]) {
			t.Errorf("host %d: %+v", i, got)
		}
	}
	if len(hosts) != len(want) {
		t.Errorf("%d hosts", len(hosts))
	}
}

func TestInventoryList(t *testing.T) {
	hosts, err := ParseInventory("one, root@two:22,[::1]:23,", nil)
	if err != nil || len(hosts) != 3 {
		t.Fatal(hosts, err)
	}
	if hosts[1].User != "root" || hosts[1].Pos.String() != "-i:1:6" || hosts[2].Address != "::1" || hosts[2].Port != 23 {
		t.Errorf("%+v", hosts)
	}
}

func TestInventoryMistakes(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":        {"# nobody\n\n", "hosts: the inventory has no host"},
		"unknown key":  {"\none prot=1\n", `hosts:2:5: unknown key "prot"; did you mean "port"?`},
		"Ansible's":    {"web1 ansible_host=192.0.2.1", `hosts:1:6: unknown key "ansible_host"; a line begins with the address; name=web1 names the host`},
		"far key":      {"one zzzzzzzz=1", `hosts:1:5: unknown key "zzzzzzzz"; the keys are user, port,`},
		"no equals":    {"one two", `hosts:1:5: "two" is not key=value; a host has a line of its own`},
		"port":         {"one:0", `hosts:1:1: port "0" is not a number from 1 to 65535`},
		"port word":    {"one port=ssh", `hosts:1:5: port "ssh" is not`},
		"twice":        {"me@one:1 port=2", `hosts:1:10: port is given twice`},
		"empty value":  {"one key=", `hosts:1:5: key is empty`},
		"quote":        {`one key="x`, `hosts:1:9: this quote is not closed`},
		"duplicate":    {"a@one\n a@one:22", `hosts:2:2: a@one:22 is there already, at hosts:1:1`},
		"name":         {"one name=x\ntwo name=x", `hosts:2:1: the name x is taken already, at hosts:1:1`},
		"bad name":     {"one name=a/b", `hosts:1:5: name "a/b" has a slash`},
		"ipv6":         {"fe80:1:2", `hosts:1:1: "fe80:1:2" is not an address; IPv6 with a port is written [address]:port`},
		"key first":    {"user=x one", `hosts:1:1: "user=x" is not a host`},
		"password env": {"one password_env=GOFAB_NOT_SET", `hosts:1:5: the environment variable GOFAB_NOT_SET is not set`},
		"checking":     {"one host_key_checking=no", `hosts:1:5: host_key_checking=no; it is yes or accept-new`},
		"two at once":  {"one a=1\ntwo b=1", "hosts:2:5: unknown key"},
		"no user":      {"@one", "hosts:1:1: no user before @"},
		"unicode col":  {"hôst ünknown=1", "hosts:1:6: unknown key"},
	} {
		t.Run(name, func(t *testing.T) {
			hosts, err := ParseInventory("hosts", inventory(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v, want %s", hosts, err, c.want)
			}
		})
	}
	_, err := ParseInventory("nosuchhost", func(string) ([]byte, error) { return nil, os.ErrNotExist })
	if err == nil || !strings.Contains(err.Error(), "-i nosuchhost,") {
		t.Errorf("missing file: %v", err)
	}
}

func TestParseHost(t *testing.T) {
	pos := source.Pos{File: "play.yaml", Line: 7, Col: 5}
	host, err := ParseHost("me@box:2200 key=/.ssh/k", pos)
	if err != nil || host.Address != "box" || host.Name != "" || host.User != "me" || host.Port != 2200 || host.Pos != pos {
		t.Errorf("got %+v, %v", host, err)
	}
	for text, want := range map[string]string{"": "play.yaml:7:5: no host here", "box usr=x": `play.yaml:7:9: unknown key "usr"; did you mean "user"?`} {
		if _, err := ParseHost(text, pos); err == nil || err.Error() != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseInventory(f *testing.F) {
	f.Add("a@b:1 key='x y' # z\n[::1]:22 name=q\n")
	f.Fuzz(func(t *testing.T, text string) {
		hosts, err := ParseInventory("hosts", inventory(text))
		names := map[string]bool{}
		for _, h := range hosts {
			if h.Name == "" || names[h.Name] || h.Address == "" || h.Port == 0 {
				t.Errorf("%q: %+v", text, h)
			}
			names[h.Name] = true
		}
		if err == nil && len(hosts) == 0 {
			t.Errorf("%q: neither hosts nor error", text)
		}
	})
}
