package aws

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
)

// admitVar names the environment variable that says whom security groups let in: an address or a
// CIDR block. Without it, it is the address from which EC2 would be reached.
const admitVar = "GOFAB_ADMIT"

// whatIsMyIP is AWS's own answer to the question.
const whatIsMyIP = "https://checkip.amazonaws.com"

// caller is the address, as a network, from which the machines will see us.
func (c *clients) caller(ctx context.Context, private bool) (netip.Prefix, error) {
	if text := os.Getenv(admitVar); text != "" {
		return parsePrefix(text)
	}
	if host := c.nearby(private); host != "" || private {
		return outbound(host)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	text, err := fetch(ctx, whatIsMyIP)
	if err != nil {
		return netip.Prefix{}, &Error{
			Err:    fmt.Errorf("find out this computer's public address: %s: %w", whatIsMyIP, err),
			remedy: "say it with " + admitVar + "=ADDRESS, or name a security_group: that lets you in",
		}
	}
	return parsePrefix(text)
}

func parsePrefix(text string) (netip.Prefix, error) {
	text = strings.TrimSpace(text)
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Prefix{}, &Error{Err: fmt.Errorf("%q is no address", text), remedy: admitVar + " takes an address such as 203.0.113.7, or a block such as 203.0.113.0/24"}
		}
		addr = addr.Unmap()
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	return prefix.Masked(), nil
}

// nearby is the host of an endpoint that sees the address which the machines will see: one on this
// computer, or, of machines with private addresses, one in their network. An endpoint of a VPC
// has a private address, too, but machines with public ones are not behind it.
func (c *clients) nearby(private bool) string {
	endpoint := c.ec2.Options().BaseEndpoint
	if endpoint == nil {
		return ""
	}
	u, err := url.Parse(*endpoint)
	if err != nil {
		return ""
	}
	addrs, err := net.LookupHost(u.Hostname())
	if err != nil || len(addrs) == 0 {
		return ""
	}
	a, err := netip.ParseAddr(addrs[0])
	if err != nil || !a.IsLoopback() && !(private && (a.IsPrivate() || a.IsLinkLocalUnicast())) {
		return ""
	}
	return addrs[0]
}

// outbound is the address that this computer has on the way to a host, or to the network at large.
// Connecting a UDP socket chooses it without sending anything.
func outbound(host string) (netip.Prefix, error) {
	if host == "" {
		host = "192.0.2.1" // TEST-NET-1: stands for any address that is not here
	}
	conn, err := net.Dial("udp", net.JoinHostPort(host, "9"))
	if err != nil {
		return netip.Prefix{}, &Error{Err: fmt.Errorf("find out this computer's address: %w", err), remedy: "say it with " + admitVar + "=ADDRESS"}
	}
	defer conn.Close()
	return parsePrefix(conn.LocalAddr().(*net.UDPAddr).IP.String())
}

func fetch(ctx context.Context, from string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 256))
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s", resp.Status)
	}
	return string(text), err
}
