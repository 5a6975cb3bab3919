package aws

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/cloud/aws/userdata"
)

// hostKey is the SSH host key of all machines of a run. It is made once, by whoever comes first,
// under the run's lock: the same order must be the same call in another process, too.
func (p *Provider) hostKey(run string) (userdata.HostKey, error) {
	where, err := p.runDir(run)
	if err != nil {
		return userdata.HostKey{}, err
	}
	file := filepath.Join(where, "host_key")
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return newHostKey(file)
	}
	if err != nil {
		return userdata.HostKey{}, err
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return userdata.HostKey{}, fmt.Errorf("%s: %w", file, err)
	}
	return userdata.HostKey{Private: string(text), Public: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))}, nil
}

func newHostKey(file string) (userdata.HostKey, error) {
	key, err := userdata.NewHostKey()
	if err != nil {
		return key, err
	}
	if err := os.WriteFile(file+".new", []byte(key.Private), 0o600); err != nil {
		return key, fmt.Errorf("keep the host key: %w", err)
	}
	return key, os.Rename(file+".new", file)
}
