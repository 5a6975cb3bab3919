package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"github.com/gofab/gofab/internal/sshd"
)

const (
	// heed is how often a machine looks at the clock and at its directory. A timer would not do:
	// it stands still while the computer sleeps.
	heed = 2 * time.Second

	// farewell bounds how long a machine that ends waits for its server and for its processes
	// to be gone.
	farewell = 5 * time.Second
)

// IsMachine says whether these are the arguments (os.Args) of a machine's process. A program
// that uses this package asks first of all, and leaves the rest to Main.
func IsMachine(args []string) bool { return len(args) == 3 && args[1] == machineArg }

// Main is the machine's process; it returns the exit status.
func Main(args []string) int {
	if !IsMachine(args) {
		return 2
	}
	runtime.GOMAXPROCS(min(2, runtime.NumCPU())) // there may be hundreds of us
	if err := live(placeAt(args[2])); err != nil {
		fmt.Fprintln(os.Stderr, "gofab machine:", err)
		return 1
	}
	return 0
}

// live serves until something ends the machine, then ends everything that it started. When it
// returns the process exits, and the kernel gives up the lock.
func live(p place) error {
	keepFilesToOurselves()
	nameProcess("gofab-machine")
	if err := adopt(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	// Caught rather than ignored: ignored signals would be inherited by commands.
	signal.Notify(make(chan os.Signal, 1), unix.SIGHUP)

	lock := os.NewFile(lockFD, "lock")
	if err := signIn(lock); err != nil {
		return err
	}
	born, err := p.readBirth()
	if err != nil {
		return err
	}
	if err := p.doomed(born); err != nil {
		return err
	}
	ln, err := inherited()
	if err != nil {
		return err
	}
	log, err := openSyslog(p.syslog(), p.name())
	if err != nil {
		return err
	}
	if err := os.Chdir(p.home()); err != nil {
		return err
	}
	server, err := p.server(born, log)
	if err != nil {
		return err
	}
	log.printf("gofab", "machine %s boots, process %d, %s, until %s", p.run+"/"+p.name(), os.Getpid(), ln.Addr(), born.Expires.Format(time.RFC3339))
	err = p.serve(ctx, born, server, ln, log)
	runtime.KeepAlive(lock)
	return err
}

// serve is the machine's life between boot and exit.
func (p place) serve(ctx context.Context, born birth, server *sshd.Server, ln net.Listener, log *syslog) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	var work sync.WaitGroup
	work.Go(func() { end(p.watch(ctx, born)) })
	rites, done := context.WithCancel(context.Background())
	work.Go(func() { reap(rites, server.Commands) })

	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, ln) }()
	var err error
	select {
	case err = <-served: // it failed: nobody can log in any more
		end(err)
	case <-ctx.Done():
	}
	log.printf("gofab", "shutting down: %v", context.Cause(ctx))
	err = errors.Join(err, killKin(server.Commands, farewell))
	select {
	case <-served:
	case <-time.After(time.Second): // a transfer that hangs in the file system does not keep us
	}
	done()
	work.Wait()
	log.printf("gofab", "down")
	return err
}

// watch returns why the machine has to end.
func (p place) watch(ctx context.Context, born birth) error {
	for {
		if err := p.doomed(born); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(max(time.Millisecond, min(heed, time.Until(born.Expires)))):
		}
	}
}

// doomed says why the machine must not live, if so. A machine whose directory is gone could not
// be found by Terminate.
func (p place) doomed(born birth) error {
	switch _, err := os.Stat(p.file("lock")); {
	case !time.Now().Before(born.Expires):
		return errors.New("its time to live is over")
	case generation(p.fleet()) != born.Generation:
		return errTerminated
	case errors.Is(err, os.ErrNotExist):
		return errors.New("its directory is gone")
	}
	return nil
}

func (p place) server(born birth, log *syslog) (*sshd.Server, error) {
	text, err := os.ReadFile(p.file("hostkey"))
	if err != nil {
		return nil, err
	}
	hostKey, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("host key: %w", err)
	}
	userKeys, err := parseKeys(born.UserKey)
	if err != nil {
		return nil, fmt.Errorf("user key: %w", err)
	}
	return &sshd.Server{
		HostKey:    hostKey,
		Authorized: userKeys,
		Home:       p.home(),
		Env:        p.env(),
		Log:        func(format string, args ...any) { log.printf("sshd", format, args...) },
	}, nil
}

// parseKeys reads public keys in authorized_keys form, one a line.
func parseKeys(text string) ([]ssh.PublicKey, error) {
	var keys []ssh.PublicKey
	for rest := []byte(strings.TrimSpace(text)); len(rest) > 0; {
		key, _, _, left, err := ssh.ParseAuthorizedKey(rest)
		if err != nil {
			return nil, err
		}
		keys, rest = append(keys, key), left
	}
	return keys, nil
}
