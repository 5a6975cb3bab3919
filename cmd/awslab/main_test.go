package main

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"golang.org/x/sys/unix"

	"github.com/gofab/gofab/internal/lab"
	"github.com/gofab/gofab/internal/lab/awslab"
)

// TestMain lets the test binary be awslab, whose machines are the same program again.
func TestMain(m *testing.M) {
	if os.Getenv("AWSLAB_TEST") != "" || len(os.Args) > 1 && os.Args[1] == "__machine" {
		main()
		return
	}
	os.Exit(m.Run())
}

// What awslab prints makes a client use it; when it is interrupted no machine is left, and it has
// said what was.
func TestAwslab(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-dir", dir, "-boot", "10ms")
	cmd.Env = append(os.Environ(), "AWSLAB_TEST=1")
	var said strings.Builder
	cmd.Stderr = &said
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		pair, ok := strings.CutPrefix(lines.Text(), "export ")
		name, value, _ := strings.Cut(pair, "=")
		if t.Setenv(name, value); !ok {
			t.Fatalf("it prints %q", lines.Text())
		}
		if name == "AWS_EC2_METADATA_DISABLED" { // the last one
			break
		}
	}
	cfg, err := config.LoadDefaultConfig(t.Context())
	must(t, err)
	out, err := ec2.NewFromConfig(cfg).RunInstances(t.Context(), &ec2.RunInstancesInput{
		ImageId: aws.String(awslab.SampleImage), InstanceType: "t3.micro", MinCount: aws.Int32(2), MaxCount: aws.Int32(2),
	})
	must(t, err)
	machines := func() int { return len(lab.Marked("GOFAB_MACHINE_DIR=" + dir)) }
	lab.Eventually(t, 20*time.Second, "two machines live", func() bool { return machines() == 2 })
	must(t, cmd.Process.Signal(unix.SIGTERM))
	must(t, cmd.Wait())
	if n := machines(); n != 0 || !strings.Contains(said.String(), "left: us-east-1: instance "+*out.Instances[0].InstanceId) {
		t.Errorf("%d machines are left, and it said:\n%s", n, said.String())
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
