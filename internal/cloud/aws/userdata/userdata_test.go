package userdata

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"gopkg.in/yaml.v3"
)

// The shape that people and tools rely on: one document, and the timer first.
func TestTimerComesFirst(t *testing.T) {
	t.Parallel()
	lines := strings.Split(render(t, config(t, func(c *Config) { c.TTL = 90 * time.Minute })), "\n")
	if lines[0] != "#cloud-config" || lines[1] != "bootcmd:" {
		t.Errorf("the document begins with %q", lines[:2])
	}
	if !strings.Contains(lines[3], "shutdown -h +90;") {
		t.Errorf("the first command is %q", lines[3])
	}
}

func TestMinutesAreRoundedUp(t *testing.T) {
	t.Parallel()
	for ttl, want := range map[time.Duration]string{
		time.Nanosecond:               "+1;",
		time.Minute:                   "+1;",
		time.Minute + time.Nanosecond: "+2;",
		100 * time.Hour:               "+6000;",
	} {
		text := render(t, config(t, func(c *Config) { c.TTL = ttl }))
		if n := strings.Count(text, "shutdown -h "+want); n != 2 {
			t.Errorf("%v: %d times shutdown -h %s in\n%s", ttl, n, want, text)
		}
	}
}

// What is read back is what was given, whatever is in a key's comment.
func TestValuesSurviveYAML(t *testing.T) {
	t.Parallel()
	c := config(t, func(c *Config) {
		c.User = "miner"
		c.UserKey = `no-pty,command="echo 'a: {{ b }}' # \"c\"" ` + c.UserKey + " x: 'y' \"z\" #1 {{.}} é \u0085 <&>\n"
	})
	text := render(t, c)
	var got struct {
		Keys struct {
			Private string `yaml:"ed25519_private"`
			Public  string `yaml:"ed25519_public"`
		} `yaml:"ssh_keys"`
		Authorized []string `yaml:"ssh_authorized_keys"`
		User       struct{ Name string }
	}
	if err := yaml.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if got.Keys != struct {
		Private string `yaml:"ed25519_private"`
		Public  string `yaml:"ed25519_public"`
	}(c.HostKey) {
		t.Errorf("the host key %q came back as %q", c.HostKey, got.Keys)
	}
	if len(got.Authorized) != 1 || got.Authorized[0] != strings.TrimSpace(c.UserKey) {
		t.Errorf("the user's key %q came back as %q", c.UserKey, got.Authorized)
	}
	if got.User.Name != "miner" {
		t.Errorf("the user came back as %q", got.User.Name)
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"a machine needs an end: its TTL is 0s":                        func(c *Config) { c.TTL = 0 },
		"a machine needs an end: its TTL is -1s":                       func(c *Config) { c.TTL = -time.Second },
		`"a\nb" is no login name`:                                      func(c *Config) { c.User = "a\nb" },
		`"Miner" is no login name`:                                     func(c *Config) { c.User = "Miner" },
		"the user's key is no line of authorized_keys":                 func(c *Config) { c.UserKey = "ssh-ed25519 AAAA" },
		"the user's key has more than one line":                        func(c *Config) { c.UserKey += "\n" + c.UserKey },
		"the private host key: ":                                       func(c *Config) { c.HostKey.Private = "" },
		"the public host key: ":                                        func(c *Config) { c.HostKey.Public = "" },
		"the public host key does not belong to the private one":       func(c *Config) { c.HostKey.Public = newKey(t).Public },
		"the host key is ssh-rsa, and not ssh-ed25519":                 func(c *Config) { c.HostKey = rsaKey(t) },
		"bytes are more than the 16384 that EC2 takes; the user's key": func(c *Config) { c.UserKey += " " + strings.Repeat("x", Limit) },
	} {
		text, err := Render(config(t, change))
		if err == nil || !strings.Contains(err.Error(), want) || text != "" {
			t.Errorf("instead of %q: %v, %q", want, err, text)
		}
		if err != nil && strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("the private key is in %v", err)
		}
	}
}

func TestHostKeyIsNotPrinted(t *testing.T) {
	t.Parallel()
	if text := fmt.Sprintf("%v %+v %s", config(t, func(*Config) {}), newKey(t), newKey(t)); strings.Contains(text, "PRIVATE") {
		t.Error(text)
	}
}

// Debian's own cloud-init judges the document.
func TestSchema(t *testing.T) {
	t.Parallel()
	for _, user := range []string{"", "root", "miner"} {
		text := render(t, config(t, func(c *Config) { c.User = user }))
		if out, err := schema(t, text); err != nil {
			t.Errorf("user %q: %v: %s in\n%s", user, err, out, text)
		}
		if out, err := schema(t, strings.Replace(text, "ssh_pwauth: false", "ssh_pwauth: {}", 1)); err == nil {
			t.Errorf("user %q: a mistake was accepted: %s", user, out)
		}
	}
}

// schema only reads the file; it neither needs root nor changes anything.
func schema(t *testing.T, text string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "user-data")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("cloud-init", "schema", "--config-file", file).CombinedOutput()
	return string(out), err
}

func config(t *testing.T, change func(*Config)) Config {
	t.Helper()
	c := Config{TTL: time.Hour, HostKey: newKey(t), UserKey: newKey(t).Public}
	change(&c)
	return c
}

func newKey(t *testing.T) HostKey {
	t.Helper()
	key, err := NewHostKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t *testing.T) HostKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	public, err := ssh.NewPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return HostKey{Private: string(pem.EncodeToMemory(block)), Public: string(ssh.MarshalAuthorizedKey(public))}
}

func render(t *testing.T, c Config) string {
	t.Helper()
	text, err := Render(c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
