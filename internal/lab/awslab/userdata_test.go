package awslab

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/gofab/gofab/internal/lab"
)

const multipartData = `Content-Type: multipart/mixed; boundary="//"
MIME-Version: 1.0

--//
Content-Type: text/cloud-config; charset="us-ascii"

#cloud-config
ssh_authorized_keys: [A]
--//
Content-Type: text/x-shellscript; charset="us-ascii"
Content-Transfer-Encoding: base64

IyEvYmluL3NoCnNodXRkb3duIC1QICs3Cg==
--//--
`

// What cloud-init would read in the user data.
func TestUserData(t *testing.T) {
	t.Parallel()
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	w.Write([]byte("#cloud-config\nbootcmd: [shutdown -h +9]\n"))
	w.Close()
	const never = -1
	for text, want := range map[string]struct {
		minutes int
		keys    string
		problem bool
	}{
		"": {never, "", false},
		"#cloud-config\nbootcmd:\n  - shutdown -h +15\n  - shutdown -h +99\n":                                 {15, "", false},
		"#cloud-config\nruncmd:\n  - [shutdown, -P, '+3']\nbootcmd: [echo, [shutdown, 4]]\n":                  {4, "", false},
		"#cloud-config\nbootcmd: [[sh, -c, 'shutdown -h +2 &']]\n":                                            {2, "", false},
		"#cloud-config\nbootcmd: ['shutdown --poweroff now']\n":                                               {0, "", false},
		"#cloud-config\nbootcmd: ['shutdown -r +5']\n":                                                        {never, "", false},
		"#cloud-config\nbootcmd: ['shutdown -c', 'shutdown --halt +5']\n":                                     {never, "", false},
		"#cloud-config\nwrite_files: [{path: /x, content: shutdown -h +5}]\n":                                 {never, "", false},
		"#cloud-config\nssh_authorized_keys: [A, B]\nusers: [default, {name: u, ssh_authorized_keys: [C]}]\n": {never, "A\nB\nC\n", false},
		"#!/bin/sh\nshutdown -h +12\n":                                                                        {12, "", false},
		"#cloud-boothook\nshutdown -h +13\n":                                                                  {13, "", false},
		"#cloud-config\nbootcmd: [shutdown\n":                                                                 {never, "", true},
		"echo I am no script\n":                                                                               {never, "", true},
		multipartData:                                                                                         {7, "A\n", false},
		zipped.String():                                                                                       {9, "", false},
	} {
		d, err := readUserData(base64.StdEncoding.EncodeToString([]byte(text)))
		must(t, err)
		minutes := never
		if d.armed {
			minutes = d.minutes
		}
		if minutes != want.minutes || d.authorized != want.keys || (d.problem != "") != want.problem {
			t.Errorf("%q: %d, %q, %q, want %+v", text, minutes, d.authorized, d.problem, want)
		}
	}
}

// A record, too, shuts down by itself, and is terminated or stopped as its launch has said. What
// is stopped is left, until it is terminated.
func TestTimer(t *testing.T) {
	t.Parallel()
	e := start(t, Config{Minute: 100 * time.Millisecond, Shutdown: 50 * time.Millisecond})
	c := e.ec2("us-east-1")
	in := order(1)
	in.UserData = encode("#cloud-config\nbootcmd: [shutdown -h +3]\n")
	stops := run(t, c, in)[0]
	in.InstanceInitiatedShutdownBehavior, in.ClientToken = "terminate", nil
	began := time.Now()
	ends := run(t, c, in)[0]
	seen := states(t, c, ends, "terminated")
	if last := seen[len(seen)-1]; *last.StateReason.Code != "Client.InstanceInitiatedShutdown" || time.Since(began) < 300*time.Millisecond {
		t.Errorf("after %v: %+v", time.Since(began), last)
	}
	i := become(t, c, stops, "stopped")
	if *i.State.Code != 80 || i.PublicIpAddress != nil || len(e.Left()) != 1 || !strings.Contains(e.Left()[0], stops+" stopped") {
		t.Errorf("stopped: %+v, left %v", i, e.Left())
	}
	if change := terminate(t, c, stops)[0]; change.PreviousState.Name != "stopped" {
		t.Errorf("change: %+v", change)
	}
	become(t, c, stops, "terminated")
	if left := e.Left(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// What runs does so until it is told to end, and what is terminated early is not ended twice.
func TestNoTimer(t *testing.T) {
	t.Parallel()
	e := start(t, Config{Minute: 50 * time.Millisecond})
	c := e.ec2("us-east-1")
	free := run(t, c, order(1))[0]
	in := order(1)
	in.UserData = encode("#cloud-config\nbootcmd: [shutdown -h +4]\n")
	armed := run(t, c, in)[0]
	become(t, c, armed, "running")
	terminate(t, c, armed)
	i := become(t, c, armed, "terminated")
	lab.Eventually(t, 10*time.Second, "the timer is over", func() bool { return time.Since(*i.LaunchTime) > 2*time.Second })
	out, err := c.DescribeInstances(t.Context(), &awsec2.DescribeInstancesInput{InstanceIds: []string{free, armed}})
	must(t, err)
	if a, b := out.Reservations[0].Instances[0], out.Reservations[1].Instances[0]; a.State.Name != "running" || *b.StateReason.Code != "Client.UserInitiatedShutdown" {
		t.Errorf("%+v\n%+v", a, b)
	}
}
