package tasks

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/runner"
)

// spread is a put that goes from host to host. Files that are the same here (all hosts have one,
// unless src depends on the host) are spread together.
type spread struct {
	mu    sync.Mutex
	hosts int
	fans  map[string]*fan
}

// begin is called before the hosts are.
func (s *spread) begin(tasks []*runner.Task) error {
	s.hosts, s.fans = len(tasks), make(map[string]*fan)
	return nil
}

// end takes back from the hosts that have handed files on what let them.
func (s *spread) end() error {
	var errs []error
	for _, f := range s.fans {
		errs = append(errs, f.end())
	}
	return errors.Join(errs...)
}

// put brings a file to a host: from another one, whose name it returns, where that is possible, or
// else from here.
func (s *spread) put(ctx context.Context, t *runner.Task, conn runner.Conn, src, dest string, opt runner.PutOptions) (done runner.Copied, name string, err error) {
	peer, able := conn.(runner.Peer)
	if !able {
		done, err = conn.Put(ctx, src, dest, opt)
		return done, "", err
	}
	f, err := s.fan(ctx, src, opt)
	if err != nil {
		return done, "", err
	}
	from, err := f.next(ctx)
	if err != nil {
		return done, "", err
	}
	if from != nil {
		done, err = peer.Fetch(ctx, f.file, from.Source, dest)
		ownFault := ctx.Err() != nil || unreachable(err)
		f.fetched(from, err, ownFault)
		switch {
		case err == nil:
			f.serve(ctx, t.Host.Name(), t.Notice, peer, dest)
			return done, from.name, nil
		case ownFault:
			f.gaveUp()
			return done, "", err
		}
		t.Notice(fmt.Sprintf("it comes from here, because it did not from %s: %v", from.name, err))
	}
	if done, err = conn.Put(ctx, src, dest, opt); err != nil {
		f.gaveUp()
		return done, "", err
	}
	f.serve(ctx, t.Host.Name(), t.Notice, peer, dest)
	return done, "", nil
}

func unreachable(err error) bool {
	var gone *runner.UnreachableError
	return errors.As(err, &gone)
}

// fan is the one for a local file, made when it is first asked for.
func (s *spread) fan(ctx context.Context, src string, opt runner.PutOptions) (*fan, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.fans[src]; f != nil {
		return f, nil
	}
	file, err := shared(src, opt)
	if err != nil {
		return nil, err
	}
	f := &fan{file: file, left: s.hosts, seeds: 1 + (s.hosts-1)/hostsPerSeed, changed: make(chan struct{})}
	// Hosts serve beyond their own task, until end.
	f.ctx, f.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	s.fans[src] = f
	return f, nil
}

// shared describes a local file to hosts, with a key of its own that is forgotten with it.
func shared(src string, opt runner.PutOptions) (runner.Shared, error) {
	none := runner.Shared{}
	abs, err := filepath.Abs(src)
	if err != nil {
		return none, err
	}
	info, err := os.Stat(src)
	if err != nil {
		return none, err
	}
	if !info.Mode().IsRegular() { // to open a pipe would wait for its writer
		return none, fmt.Errorf("%s is not a file, and spread takes one: pack it, or leave spread out", src)
	}
	in, err := os.Open(src)
	if err != nil {
		return none, err
	}
	defer in.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, in)
	if err != nil {
		return none, err
	}
	file := runner.Shared{Name: filepath.Base(abs), Size: size, Sum: hex.EncodeToString(sum.Sum(nil)), Mode: info.Mode().Perm()}
	if opt.Mode != 0 {
		file.Mode = opt.Mode
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return none, err
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return none, err
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return none, err
	}
	file.Private, file.Public = string(pem.EncodeToMemory(block)), string(ssh.MarshalAuthorizedKey(key))
	return file, nil
}
