// Package sshd is a small SSH and SFTP server, the one that local machines run.
//
// It behaves as OpenSSH's sshd does without a terminal, because what is tried on local machines
// has to hold on real ones: a command runs under the login shell in a session of its own, its
// stdin ends when the client's does, and a channel or connection that closes takes the command's
// pipes away but kills nothing. Whoever wants processes dead must see to it (gofab's remote
// supervisor does). Terminals, forwarding and agents are refused.
package sshd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	// handshakeLimit is how long a connection may take to log in. OpenSSH gives 120 s, for
	// people who type passwords; here a key answers at once.
	handshakeLimit = 20 * time.Second

	// maxSessions bounds what one connection can hold: a session buffers up to 2 MiB of input
	// that its command does not read.
	maxSessions = 256
)

// Server serves SSH. Its fields are set before Serve and not changed afterwards.
type Server struct {
	HostKey    ssh.Signer
	Authorized []ssh.PublicKey // keys that may log in, under any user name
	Shell      string          // runs commands with -c; default /bin/sh
	Home       string          // working directory of commands, and where relative SFTP paths start
	Env        []string        // environment of commands, KEY=value; nothing is inherited from the server
	Log        func(format string, args ...any)

	mu       sync.Mutex
	commands map[int]struct{} // by process id, from start until awaited
}

// Serve accepts connections on ln until ctx ends, then closes ln and every connection and
// returns nil. Commands live on, without their pipes; each keeps one goroutine that awaits it.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var conns sync.WaitGroup
	defer conns.Wait()
	defer cancel()
	context.AfterFunc(ctx, func() { ln.Close() })

	config := s.config()
	for {
		conn, err := ln.Accept()
		switch {
		case err == nil:
			conns.Go(func() { s.serveConn(ctx, conn, config) })
		case ctx.Err() != nil:
			return nil
		case outOfFiles(err):
			s.log("accept: %v", err)
			pause(ctx, 100*time.Millisecond)
		default:
			return fmt.Errorf("accept: %w", err)
		}
	}
}

// Commands lists the process ids (which are group and session ids as well) of commands that
// were started and not yet awaited. A child of this process that is not among them is not the
// server's.
func (s *Server) Commands() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	pids := make([]int, 0, len(s.commands))
	for pid := range s.commands {
		pids = append(pids, pid)
	}
	return pids
}

func (s *Server) config() *ssh.ServerConfig {
	config := &ssh.ServerConfig{
		ServerVersion: "SSH-2.0-gofab",
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			for _, may := range s.Authorized {
				if bytes.Equal(may.Marshal(), key.Marshal()) {
					return &ssh.Permissions{}, nil
				}
			}
			return nil, fmt.Errorf("key %s may not log in", ssh.FingerprintSHA256(key))
		},
	}
	config.AddHostKey(s.HostKey)
	return config
}

// serveConn serves one connection and returns when all of its sessions have ended.
func (s *Server) serveConn(ctx context.Context, nc net.Conn, config *ssh.ServerConfig) {
	defer nc.Close()
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	defer stop()

	nc.SetDeadline(time.Now().Add(handshakeLimit))
	conn, channels, requests, err := ssh.NewServerConn(nc, config)
	if err != nil {
		s.log("Connection from %s: %v", nc.RemoteAddr(), err)
		return
	}
	nc.SetDeadline(time.Time{})
	s.log("Accepted publickey for %s from %s", conn.User(), conn.RemoteAddr())

	ctx, hangUp := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { ssh.DiscardRequests(requests) }) // keepalives and forwarding: answered, with a refusal
	places := make(chan struct{}, maxSessions)
	for channel := range channels {
		if channel.ChannelType() != "session" {
			channel.Reject(ssh.Prohibited, channel.ChannelType()+" is not served here")
			continue
		}
		select {
		case places <- struct{}{}:
		default:
			channel.Reject(ssh.ResourceShortage, fmt.Sprintf("more than %d sessions", maxSessions))
			continue
		}
		work.Go(func() {
			defer func() { <-places }()
			s.serveSession(ctx, channel)
		})
	}
	hangUp()
	work.Wait()
	s.log("Disconnected from %s", conn.RemoteAddr())
}

func (s *Server) log(format string, args ...any) {
	if s.Log != nil {
		s.Log(format, args...)
	}
}

// outOfFiles says whether accept may work again later.
func outOfFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ECONNABORTED)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
