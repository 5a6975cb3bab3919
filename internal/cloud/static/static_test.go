package static

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/cloudtest"
	"github.com/gofab/gofab/internal/sshd"
)

func TestContract(t *testing.T) {
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	hosts := serve(t, signer, 4)
	cloudtest.Run(t, cloudtest.Config{
		New: func(t *testing.T) cloud.Provider { return New(t.TempDir(), hosts) },
		Reopen: func(t *testing.T, p cloud.Provider) cloud.Provider {
			return New(p.(*Provider).Root, hosts)
		},
		Owned: true, SSH: true, Signer: signer,
	})
}

// serve runs SSH servers for the test and returns them as an inventory.
func serve(t *testing.T, signer ssh.Signer, count int) []Host {
	var list string
	for range count {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := &sshd.Server{HostKey: signer, Authorized: []ssh.PublicKey{signer.PublicKey()}, Home: t.TempDir(), Env: os.Environ()}
		ctx, stop := context.WithCancel(context.Background())
		served := make(chan error)
		go func() { served <- server.Serve(ctx, ln) }()
		t.Cleanup(func() {
			stop()
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
		list += ln.Addr().String() + ","
	}
	hosts, err := ParseInventory(list, nil)
	if err != nil {
		t.Fatal(err)
	}
	return hosts
}

func TestCountZeroIsAll(t *testing.T) {
	hosts, err := ParseInventory("a,b,c,", nil)
	if err != nil {
		t.Fatal(err)
	}
	machines, err := New(t.TempDir(), hosts).Launch(t.Context(), cloud.LaunchSpec{Run: "r"})
	if err != nil || len(machines) != 3 {
		t.Errorf("got %v, %v", machines, err)
	}
}

func TestPasswordsAreNotWrittenDown(t *testing.T) {
	state := t.TempDir()
	hosts, err := ParseInventory("a password=hunter2,", nil)
	if err != nil {
		t.Fatal(err)
	}
	p := New(state, hosts)
	if _, err := p.Launch(t.Context(), cloud.LaunchSpec{Run: "r", Count: 1}); err != nil {
		t.Fatal(err)
	}
	machines, err := p.Machines(t.Context(), "r")
	if err != nil || machines[0].Login.Password != "hunter2" {
		t.Errorf("got %d machines, %v; the inventory knows the password", len(machines), err)
	}
	data, err := os.ReadFile(filepath.Join(state, "r", "borrowed.json"))
	if err != nil || bytes.Contains(data, []byte("hunter2")) {
		t.Errorf("record: %s, %v", data, err)
	}
	if machines, err := New(state, nil).Machines(t.Context(), "r"); err != nil || fmt.Sprint(len(machines)) != "1" {
		t.Errorf("without an inventory: %v, %v", machines, err)
	}
}
