//go:build linux

package local

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/cloudtest"
)

// alone is a machine of its own, which ends with the test.
func alone(t *testing.T, o Order) *Machine {
	t.Helper()
	o.Dir = filepath.Join(stateDir(t), "machine")
	m, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.End(context.Background()); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(o.Dir); !os.IsNotExist(err) {
			t.Errorf("its directory is left: %v", err)
		}
	})
	return m
}

func authorized(s ssh.Signer) string { return string(ssh.MarshalAuthorizedKey(s.PublicKey())) }

func newKey(t *testing.T) (ssh.Signer, []byte) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	return s, pem.EncodeToMemory(block)
}

// A machine alone serves at the address, with the host key and for the keys that were ordered.
func TestAMachineAlone(t *testing.T) {
	t.Parallel()
	host, text := newKey(t)
	other, _ := newKey(t)
	m := alone(t, Order{Listen: net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}, HostKey: text, UserKeys: authorized(other) + authorized(signer()), TTL: time.Minute})
	born, err := m.place.readBirth()
	if err != nil || born.Address != "127.0.0.9" {
		t.Fatalf("born %+v, %v", born, err)
	}
	at := cloud.Machine{Address: born.Address, Port: born.Port, User: "u", HostKey: strings.TrimSpace(authorized(host))}
	for _, user := range []ssh.Signer{signer(), other} {
		session, err := cloudtest.Dial(t, at, user).NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if out, err := session.Output("echo $HOSTNAME"); err != nil || string(out) != "machine\n" {
			t.Errorf("its name: %q, %v", out, err)
		}
	}
	if log := m.Log(); !strings.Contains(log, "Accepted publickey for u") {
		t.Errorf("log: %s", log)
	}
}

func TestAMachineAloneEnds(t *testing.T) {
	t.Parallel()
	m := alone(t, Order{Listen: net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, TTL: 500 * time.Millisecond})
	select {
	case <-m.Ended():
	case <-time.After(20 * time.Second):
		t.Error("it outlived its time")
	}
	if !strings.Contains(m.Log(), "time to live is over") {
		t.Errorf("log: %s", m.Log())
	}
}

func TestWhatNoMachineCanBeMadeOf(t *testing.T) {
	t.Parallel()
	dir := stateDir(t)
	listen := net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
	for name, o := range map[string]Order{
		"user keys":    {Listen: listen, UserKeys: "none", TTL: time.Minute},
		"time to live": {Listen: listen},
		"host key":     {Listen: listen, HostKey: bytes.Repeat([]byte("x"), 9), TTL: time.Minute},
	} {
		o.Dir = filepath.Join(dir, "machine")
		if _, err := Start(o); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), o.Dir) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(o.Dir); !os.IsNotExist(err) {
			t.Errorf("%s: its directory is left: %v", name, err)
		}
	}
}
