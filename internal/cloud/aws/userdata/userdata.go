// Package userdata writes the EC2 user data of our machines: one readable #cloud-config document
// that sets the machine to die by itself, gives it the host key that we pin, and lets us in.
//
// # The dead man's timer
//
// It comes first, in bootcmd, and does not trust any single program. The instance must have been
// started with InstanceInitiatedShutdownBehavior=terminate. What arms what:
//
//   - `shutdown -h +T` asks logind, over D-Bus. bootcmd runs in cloud-init's network stage, which on
//     Ubuntu and Debian is before sysinit.target, so neither is there. A `shutdown` that cannot reach
//     logind powers off AT ONCE in many versions (systemd/systemd#17575), so it is only called while
//     logind is active: in bootcmd where the image starts it that early, and once more in runcmd, at
//     the end of the first boot.
//   - `systemd-run` talks to PID 1 itself, over its private socket. A timer unit normally waits for
//     sysinit.target, which waits for us: the boot would hang for ever, and the machine with it.
//     Unblocked and without default dependencies it starts at once, and so can the service at its
//     end, however far the boot has come. That service powers off in order, and by force if a minute
//     was not enough. Cancelling the shutdown leaves it alone.
//   - a sleeping process comes last: at T where the image has no systemd-run, two minutes later
//     where it has, for a PID 1 that no longer answers.
//
// A reboot does not put the end off: bootcmd runs at every boot, and the moment is written down at
// the first, by instance, so that images made from a machine do not inherit it. A clock that is set
// back cannot make the machine live longer than T from any boot. Only `cloud-init clean` and a
// reboot make a machine forget. One that is started after its end stays up for a second. One that
// never comes as far as bootcmd, or has no cloud-init, has no timer: find it by its tags.
//
// `halt` does not end an instance, so nothing here uses it: -h of systemd's shutdown is a poweroff.
//
// # Who can read it
//
// The private host key is in the user data by design. It can be read by every process on the instance
// that reaches its metadata service, by root in /var/lib/cloud/instance, and by whoever may call
// ec2:DescribeInstanceAttribute. So it is made for one run and worth nothing after it.
package userdata

import (
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"time"

	"golang.org/x/crypto/ssh"
)

// Config is what the user data is made of.
type Config struct {
	// TTL is how long after its first boot the machine powers itself off, rounded up to minutes.
	// During the LastCall before, it may let in nobody but root.
	TTL time.Duration

	HostKey HostKey // the machine's only host key
	UserKey string  // may log in: one line of authorized_keys

	// User is the login name. Empty is the image's own (ubuntu, admin, ec2-user, …). A name other
	// than root renames the image's own user, so it has the same rights, sudo included; naming the
	// image's own changes nothing.
	User string
}

// LastCall is how long before its end logind creates /run/nologin, which makes pam_nologin refuse
// logins of everybody but root; sessions that are open go on (shutdown(8)). A caller that needs the
// machine for some time adds this to the TTL.
const LastCall = 5 * time.Minute

// Limit is what EC2 takes of user data, in bytes before its base64.
const Limit = 16 << 10

//go:embed cloud-config.yaml
var document string

var page = template.Must(template.New("").Funcs(template.FuncMap{"quote": quote, "indent": indent}).Parse(document))

// userName is what Debian, Ubuntu and Amazon Linux take as the name of a user.
var userName = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

// Render writes the document, as text: RunInstances wants it in base64. It holds the private host key.
func Render(c Config) (string, error) {
	if err := c.check(); err != nil {
		return "", fmt.Errorf("user data: %w", err)
	}
	minutes := int64((c.TTL + time.Minute - 1) / time.Minute)
	c.UserKey = strings.TrimSpace(c.UserKey)
	var text strings.Builder
	err := page.Execute(&text, struct {
		Config
		Minutes, Seconds int64
	}{c, minutes, minutes * 60})
	if err != nil {
		return "", fmt.Errorf("user data: %w", err)
	}
	if n := text.Len(); n > Limit {
		return "", fmt.Errorf("user data: %d bytes are more than the %d that EC2 takes; the user's key has %d of them", n, Limit, len(c.UserKey))
	}
	return text.String(), nil
}

func (c Config) check() error {
	if c.TTL <= 0 {
		return fmt.Errorf("a machine needs an end: its TTL is %v", c.TTL)
	}
	if c.User != "" && !userName.MatchString(c.User) {
		return fmt.Errorf("%q is no login name: letters a-z, digits, _ and -, at most 32, no digit first", c.User)
	}
	if _, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(c.UserKey)); err != nil {
		return fmt.Errorf("the user's key is no line of authorized_keys: %w", err)
	} else if len(rest) > 0 || strings.Contains(strings.TrimSpace(c.UserKey), "\n") {
		return errors.New("the user's key has more than one line")
	}
	return c.HostKey.check()
}

// quote writes a scalar so that YAML reads it back whatever is in it: Go's escapes are YAML's, too.
func quote(s string) string { return strconv.QuoteToASCII(strings.TrimSpace(s)) }

// indent puts lines inside a block scalar of the second level.
func indent(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ")
}
