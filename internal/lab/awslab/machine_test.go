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
	"golang.org/x/sys/unix"

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

// up waits until the machine answers, and returns its address.
func up(t *testing.T, c *awsec2.Client, id string, user ssh.Signer) string {
	t.Helper()
	address := *become(t, c, id, "running").PublicIpAddress
	lab.Eventually(t, 20*time.Second, "the machine answers", func() bool {
		_, _, err := dial(t, address, user, "true")
		return err == nil
	})
	return address
}

// A machine dies at the minute that its user data says, whatever runs on it, and the instance
// with it.
func TestDeadMansSwitch(t *testing.T) {
	t.Parallel()
	needRoot(t)
	e := start(t, Config{Machines: true, Minute: time.Second})
	c := e.ec2("us-east-1")
	user, _ := pair(t)
	in := order(1)
	in.UserData = encode(cloudInit("", line(user), "shutdown -h +3"))
	stops := run(t, c, in)[0]
	in.InstanceInitiatedShutdownBehavior, in.ClientToken = "terminate", nil
	ends := run(t, c, in)[0]
	first, _, err := dial(t, up(t, c, stops, user), user, "nohup setsid sleep 1000 >/dev/null 2>&1 &")
	must(t, err)
	second, _, err := dial(t, up(t, c, ends, user), user, "nohup setsid sleep 1000 >/dev/null 2>&1 &")
	must(t, err)
	if bytes.Equal(first.Marshal(), second.Marshal()) {
		t.Error("two machines share a host key that nobody gave them")
	}
	last := become(t, c, ends, "terminated")
	if *last.StateReason.Code != "Client.InstanceInitiatedShutdown" || time.Since(*last.LaunchTime) < 2*time.Second {
		t.Errorf("terminated: %+v", last)
	}
	become(t, c, stops, "stopped")
	lab.Gone(t, e.cfg.Dir, 5*time.Second)
}

// An instance whose machine is killed from outside is gone, and one that Fail kills has no
// process any more.
func TestMachinesThatDie(t *testing.T) {
	t.Parallel()
	needRoot(t)
	e := start(t, Config{Machines: true})
	c := e.ec2("us-east-1")
	user, _ := pair(t)
	in := order(1)
	in.UserData, in.InstanceInitiatedShutdownBehavior = encode(cloudInit("", line(user))), "terminate"
	id := run(t, c, in)[0]
	up(t, c, id, user)
	pids := lab.Marked(e.cfg.Dir)
	if len(pids) != 1 {
		t.Fatalf("processes: %v", pids)
	}
	must(t, unix.Kill(pids[0], unix.SIGKILL))
	become(t, c, id, "terminated")

	in.ClientToken = nil
	id = run(t, c, in)[0]
	up(t, c, id, user)
	e.Fail(id, "Server.SpotInstanceTermination", "gone")
	become(t, c, id, "terminated")
	lab.Gone(t, e.cfg.Dir, 5*time.Second)
}

// A machine that is to answer late does, at an address that is known before.
func TestLogin(t *testing.T) {
	t.Parallel()
	needRoot(t)
	e := start(t, Config{Machines: true, Login: 500 * time.Millisecond})
	c := e.ec2("us-east-1")
	user, _ := pair(t)
	in := order(1)
	in.UserData = encode(cloudInit("", line(user)))
	id := run(t, c, in)[0]
	address := *become(t, c, id, "running").PublicIpAddress
	if _, _, err := dial(t, address, user, "true"); err == nil {
		t.Error("it answers at once")
	}
	up(t, c, id, user)
}

// User data that no machine can be made of shows as AWS's own trouble.
func TestABadHostKeyTerminates(t *testing.T) {
	t.Parallel()
	e := start(t, Config{Machines: true})
	c := e.ec2("us-east-1")
	in := order(1)
	in.UserData = encode("#cloud-config\nssh_keys: {ed25519_private: none}\n")
	i := become(t, c, run(t, c, in)[0], "terminated")
	if *i.StateReason.Code != "Server.InternalError" || !strings.Contains(*i.StateReason.Message, "host key") {
		t.Errorf("instance: %+v", i.StateReason)
	}
}

// Close ends the machines that still run.
func TestCloseEndsMachines(t *testing.T) {
	t.Parallel()
	needRoot(t)
	e := start(t, Config{Machines: true})
	c := e.ec2("us-east-1")
	user, _ := pair(t)
	in := order(3)
	in.UserData = encode(cloudInit("", line(user)))
	for _, id := range run(t, c, in) {
		up(t, c, id, user)
	}
	must(t, e.Close())
	if left := lab.Marked(e.cfg.Dir); len(left) > 0 {
		t.Errorf("processes left: %v", left)
	}
}
