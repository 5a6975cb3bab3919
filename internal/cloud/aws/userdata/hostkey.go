package userdata

import (
	"bytes"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"
)

// HostKey is an SSH host key that is known before the machine is.
type HostKey struct {
	Private string // in OpenSSH's PEM form
	Public  string // in authorized_keys form, without a line's end; what the client pins
}

// NewHostKey makes an ed25519 key. Whoever holds the private half can pass for the machine.
func NewHostKey() (HostKey, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return HostKey{}, fmt.Errorf("make a host key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return HostKey{}, fmt.Errorf("make a host key: %w", err)
	}
	line, err := ssh.NewPublicKey(public)
	if err != nil {
		return HostKey{}, fmt.Errorf("make a host key: %w", err)
	}
	return HostKey{
		Private: string(pem.EncodeToMemory(block)),
		Public:  string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(line))),
	}, nil
}

// String leaves the private half out, so that it ends up in no log.
func (k HostKey) String() string { return k.Public }

// check refuses what sshd would not serve, or what the client would not recognize.
func (k HostKey) check() error {
	signer, err := ssh.ParsePrivateKey([]byte(k.Private))
	if err != nil {
		return fmt.Errorf("the private host key: %w", err)
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey([]byte(k.Public))
	if err != nil {
		return fmt.Errorf("the public host key: %w", err)
	}
	if kind := signer.PublicKey().Type(); kind != ssh.KeyAlgoED25519 {
		return fmt.Errorf("the host key is %s, and not %s", kind, ssh.KeyAlgoED25519)
	}
	if !bytes.Equal(signer.PublicKey().Marshal(), public.Marshal()) {
		return errors.New("the public host key does not belong to the private one")
	}
	return nil
}
