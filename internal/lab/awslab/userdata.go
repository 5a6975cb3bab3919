package awslab

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// userData is what cloud-init would make of an instance's user data, as far as a machine here can
// have it: keys, and the time after which it shuts down. Commands are read and not run.
type userData struct {
	hostKey    []byte // private, PEM
	authorized string // authorized_keys
	armed      bool   // it shuts down by itself
	minutes    int    // after so many
	problem    string // that cloud-init would log
}

const maxUserData = 16 << 10 // bytes, before they are encoded

// readUserData reads the parameter UserData. EC2 refuses what is not base64 and what is too long;
// what cloud-init would stumble over only gets into the log.
func readUserData(encoded string) (userData, error) {
	var d userData
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return d, refuse("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.")
	}
	if len(text) > maxUserData {
		return d, refuse("InvalidParameterValue", "User data is limited to 16384 bytes")
	}
	if bytes.HasPrefix(text, []byte{0x1f, 0x8b}) {
		if text, err = gunzip(text); err != nil {
			d.complain(err)
		}
	}
	d.read(text)
	return d, nil
}

func gunzip(text []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, 1<<20))
}

func (d *userData) complain(err error) { d.problem += fmt.Sprintf("cloud-init: %v\n", err) }

// read reads one part of the user data, or all of its parts.
func (d *userData) read(text []byte) {
	switch {
	case bytes.HasPrefix(text, []byte("#cloud-config")):
		if err := d.readConfig(text); err != nil {
			d.complain(err)
		}
	case bytes.HasPrefix(text, []byte("#!")), bytes.HasPrefix(text, []byte("#cloud-boothook")):
		d.readCommand(string(text))
	default:
		if message, err := mail.ReadMessage(bytes.NewReader(text)); err == nil {
			if err := d.readParts(message); err != nil {
				d.complain(err)
			}
		} else if len(bytes.TrimSpace(text)) > 0 {
			d.complain(fmt.Errorf("unhandled non-multipart user data: %.40q", text))
		}
	}
}

func (d *userData) readParts(message *mail.Message) error {
	kind, attributes, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		return fmt.Errorf("user data of type %q: %v", kind, err)
	}
	parts := multipart.NewReader(message.Body, attributes["boundary"])
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var body io.Reader = part
		if strings.EqualFold(part.Header.Get("Content-Transfer-Encoding"), "base64") {
			body = base64.NewDecoder(base64.StdEncoding, part)
		}
		text, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		d.read(text)
	}
}

// cloudConfig is the part of cloud-init's configuration that matters here: see its modules "SSH",
// "Bootcmd" and "Runcmd".
type cloudConfig struct {
	Keys       map[string]string `yaml:"ssh_keys"`
	Authorized []string          `yaml:"ssh_authorized_keys"`
	Boot       []any             `yaml:"bootcmd"`
	Run        []any             `yaml:"runcmd"`
	Users      []yaml.Node       `yaml:"users"`
}

func (d *userData) readConfig(text []byte) error {
	var c cloudConfig
	if err := yaml.Unmarshal(text, &c); err != nil {
		return err
	}
	for _, kind := range append([]string{"ed25519_private"}, slices.Sorted(maps.Keys(c.Keys))...) {
		if key := c.Keys[kind]; key != "" && strings.HasSuffix(kind, "_private") && d.hostKey == nil {
			d.hostKey = []byte(strings.TrimSpace(key) + "\n")
		}
	}
	keys := c.Authorized
	for _, node := range c.Users { // an entry may be a name
		var user struct {
			Authorized []string `yaml:"ssh_authorized_keys"`
		}
		if node.Decode(&user) == nil {
			keys = append(keys, user.Authorized...)
		}
	}
	for _, key := range keys {
		d.authorized += strings.TrimSpace(key) + "\n"
	}
	for _, command := range slices.Concat(c.Boot, c.Run) {
		d.readCommand(words(command))
	}
	return nil
}

// words is a command that cloud-init runs: a line for the shell, or a list of arguments.
func words(command any) string {
	list, ok := command.([]any)
	if !ok {
		return fmt.Sprint(command)
	}
	var all []string
	for _, word := range list {
		all = append(all, fmt.Sprint(word))
	}
	return strings.Join(all, " ")
}

var (
	shutdownCommand = regexp.MustCompile(`\bshutdown((?:\s+-\S+)*)\s+\+?(\d+|now)\b`)
	notPowerOff     = regexp.MustCompile(`(?:^|\s)(?:-[a-zA-Z]*[rHkc][a-zA-Z]*|--(?:reboot|halt))(?:\s|$)`) // shutdown(8)
)

// readCommand arms the timer, if the text sets it first.
func (d *userData) readCommand(text string) {
	for _, m := range shutdownCommand.FindAllStringSubmatch(text, -1) {
		if !d.armed && !notPowerOff.MatchString(m[1]) {
			d.armed = true
			d.minutes, _ = strconv.Atoi(m[2]) // now: 0
		}
	}
}
