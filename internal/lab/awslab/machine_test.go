package awslab

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/crypto/ssh"

	"github.com/gofab/gofab/internal/lab"
)

// pair is a key and its private half as OpenSSH writes it.
func pair(t *testing.T) (ssh.Signer, string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	must(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	must(t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	must(t, err)
	return signer, string(pem.EncodeToMemory(block))
}

func line(key ssh.Signer) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key.PublicKey())))
}

// cloudInit is user data with a host key, a key that may log in, and commands at boot.
func cloudInit(hostKey, user string, commands ...string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "#cloud-config\nssh_authorized_keys: [%q]\n", user)
	if hostKey != "" {
		fmt.Fprintf(&text, "ssh_keys:\n  ed25519_private: |\n    %s\n", strings.ReplaceAll(strings.TrimSpace(hostKey), "\n", "\n    "))
	}
	text.WriteString("bootcmd:\n")
	for _, command := range commands {
		fmt.Fprintf(&text, "  - %s\n", command)
	}
	return text.String()
}

func encode(text string) *string {
	return aws.String(base64.StdEncoding.EncodeToString([]byte(text)))
}

// dial logs in and returns the host's key and what the command printed.
func dial(t *testing.T, address string, user ssh.Signer, command string) (host ssh.PublicKey, output string, err error) {
	t.Helper()
	client, err := ssh.Dial("tcp", net.JoinHostPort(address, "22"), &ssh.ClientConfig{
		User: "ubuntu", Auth: []ssh.AuthMethod{ssh.PublicKeys(user)}, Timeout: 10 * time.Second,
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error { host = key; return nil },
	})
	if err != nil {
		return host, "", err
	}
	defer client.Close()
	session, err := client.NewSession()
	must(t, err)
	text, err := session.Output(command)
	return host, string(text), err
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("it needs root, for port 22")
	}
}

// An instance answers SSH at its public address with the host key of its user data, and lets in
// the user data's key and the key pair's. When it is terminated no process is left.
func TestMachines(t *testing.T) {
	t.Parallel()
	needRoot(t)
	e := start(t, Config{Machines: true, Boot: 50 * time.Millisecond})
	c := e.ec2("us-east-1")
	hostKey, hostText := pair(t)
	user, _ := pair(t)
	key, err := c.CreateKeyPair(t.Context(), &awsec2.CreateKeyPairInput{KeyName: aws.String("k"), KeyType: types.KeyTypeEd25519})
	must(t, err)
	named, err := ssh.ParsePrivateKey([]byte(*key.KeyMaterial))
	must(t, err)
	stranger, _ := pair(t)

	in := order(2)
	in.KeyName, in.UserData = aws.String("k"), encode(cloudInit(hostText, line(user), "shutdown -h +10"))
	ids := run(t, c, in)
	addresses := map[string]bool{}
	for _, id := range ids {
		i := become(t, c, id, "running")
		address := *i.PublicIpAddress
		addresses[address] = true
		lab.Eventually(t, 20*time.Second, "the machine answers", func() bool {
			conn, err := net.Dial("tcp", net.JoinHostPort(address, "22"))
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
		for _, may := range []ssh.Signer{user, named} {
			host, out, err := dial(t, address, may, "hostname; echo $HOSTNAME")
			must(t, err)
			if !bytes.Equal(host.Marshal(), hostKey.PublicKey().Marshal()) {
				t.Errorf("host key %s", ssh.FingerprintSHA256(host))
			}
			if !strings.HasSuffix(out, id+"\n") {
				t.Errorf("its name: %q", out)
			}
		}
		if _, _, err := dial(t, address, stranger, "true"); err == nil {
			t.Error("a stranger may log in")
		}
	}
	if len(addresses) != 2 {
		t.Errorf("addresses: %v", addresses)
	}
	if n := len(lab.Marked(e.cfg.Dir)); n != 2 {
		t.Errorf("%d processes", n)
	}
	console, err := c.GetConsoleOutput(t.Context(), &awsec2.GetConsoleOutputInput{InstanceId: &ids[0]})
	must(t, err)
	text, err := base64.StdEncoding.DecodeString(*console.Output)
	if err != nil || !strings.Contains(string(text), "Accepted publickey for ubuntu") {
		t.Errorf("console: %s, %v", text, err)
	}
	_, err = c.TerminateInstances(t.Context(), &awsec2.TerminateInstancesInput{InstanceIds: ids})
	must(t, err)
	for _, id := range ids {
		become(t, c, id, "terminated")
	}
	lab.Gone(t, e.cfg.Dir, 5*time.Second)
	console, err = c.GetConsoleOutput(t.Context(), &awsec2.GetConsoleOutputInput{InstanceId: &ids[0]})
	must(t, err)
	text, _ = base64.StdEncoding.DecodeString(*console.Output)
	if !strings.Contains(string(text), "Accepted publickey for ubuntu") {
		t.Errorf("console of the terminated: %s", text)
	}
}
