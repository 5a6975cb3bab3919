package awslab

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/gofab/gofab/internal/cloud/aws/body"
	"github.com/gofab/gofab/internal/cloud/local"
	"github.com/gofab/gofab/internal/lab"
)

// TestMain lets the test binary be a machine.
func TestMain(m *testing.M) {
	if local.IsMachine(os.Args) {
		os.Exit(local.Main(os.Args))
	}
	os.Exit(m.Run())
}

// start starts an endpoint that ends with the test, and proves that no process is left.
func start(t *testing.T, cfg Config) *Endpoint {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	e, err := Start(cfg)
	must(t, err)
	t.Cleanup(func() {
		must(t, e.Close())
		if left := lab.Marked(cfg.Dir); len(left) > 0 {
			t.Errorf("processes left: %v", left)
		}
	})
	return e
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// config is that of a client in a region, without what the SDK would read from the environment.
// It tries once.
func (e *Endpoint) config(region string) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: aws.String(e.url), Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secret", ""),
		RetryMaxAttempts: 1, APIOptions: []func(*middleware.Stack) error{body.Plain},
	}
}

func (e *Endpoint) ec2(region string) *awsec2.Client { return awsec2.NewFromConfig(e.config(region)) }

// want checks the code of an error.
func want(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

// order is a RunInstances of n, which a test changes.
func order(n int32) *awsec2.RunInstancesInput {
	return &awsec2.RunInstancesInput{ImageId: aws.String(ImageAMD64), InstanceType: "t3.micro", MinCount: aws.Int32(n), MaxCount: aws.Int32(n)}
}

func run(t *testing.T, c *awsec2.Client, in *awsec2.RunInstancesInput) []string {
	t.Helper()
	out, err := c.RunInstances(t.Context(), in)
	must(t, err)
	var ids []string
	for _, i := range out.Instances {
		ids = append(ids, *i.InstanceId)
	}
	return ids
}

// describe lists instances by id, all of them if there is none.
func describe(t *testing.T, c *awsec2.Client, ids ...string) []types.Instance {
	t.Helper()
	out, err := c.DescribeInstances(t.Context(), &awsec2.DescribeInstancesInput{InstanceIds: ids})
	must(t, err)
	var all []types.Instance
	for _, r := range out.Reservations {
		all = append(all, r.Instances...)
	}
	return all
}

// become waits until the instance is in the state.
func become(t *testing.T, c *awsec2.Client, id string, state types.InstanceStateName) types.Instance {
	t.Helper()
	var last types.Instance
	lab.Eventually(t, 20*time.Second, "instance becomes "+string(state), func() bool {
		last = describe(t, c, id)[0]
		return last.State.Name == state
	})
	return last
}

func TestRegionsAreApart(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	run(t, e.ec2("us-east-1"), order(2))
	if n := len(describe(t, e.ec2("eu-west-1"))); n != 0 {
		t.Errorf("%d instances in another region", n)
	}
	if n := len(describe(t, e.ec2("us-east-1"))); n != 2 {
		t.Errorf("%d instances in the region", n)
	}
}

func TestUnsignedRequestsAreRefused(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	cfg := e.config("us-east-1")
	cfg.Credentials = aws.AnonymousCredentials{}
	_, err := awsec2.NewFromConfig(cfg).DescribeRegions(t.Context(), nil)
	want(t, err, "AuthFailure")
	if calls := e.Calls(); len(calls) != 1 || calls[0].Code != "AuthFailure" {
		t.Errorf("calls: %+v", calls)
	}
}

func TestCallsAreRecorded(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.ec2("eu-west-1")
	run(t, c, order(1))
	_, err := c.TerminateInstances(t.Context(), &awsec2.TerminateInstancesInput{InstanceIds: []string{"i-0123456789abcdef0"}})
	want(t, err, "InvalidInstanceID.NotFound")
	calls := e.Calls()
	if len(calls) != 2 {
		t.Fatalf("%d calls", len(calls))
	}
	a, b := calls[0], calls[1]
	if a.N != 1 || a.Service != "ec2" || a.Action != "RunInstances" || a.Region != "eu-west-1" || a.Params.Get("InstanceType") != "t3.micro" || a.Status != 200 || a.Code != "" || a.Took <= 0 {
		t.Errorf("first call: %+v", a)
	}
	if b.N != 2 || b.Action != "TerminateInstances" || b.Status != 400 || b.Code != "InvalidInstanceID.NotFound" || b.Time.Before(a.Time) {
		t.Errorf("second call: %+v", b)
	}
}

// The hook is called before the effect and after it, while the client waits.
func TestHook(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	var seen []int // instances that live, at each moment
	e.Hook(func(m Moment, c Call) {
		if c.Action == "RunInstances" {
			seen = append(seen, int(m), len(e.Instances()))
		}
	})
	run(t, e.ec2("us-east-1"), order(3))
	if want := []int{int(Before), 0, int(After), 3}; !slices.Equal(seen, want) {
		t.Errorf("seen %v, want %v", seen, want)
	}
}

func TestLeft(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	c := e.ec2("us-east-1")
	if left := e.Left(); len(left) != 0 {
		t.Errorf("left at first: %v", left)
	}
	id := run(t, c, order(1))[0]
	group, err := c.CreateSecurityGroup(t.Context(), &awsec2.CreateSecurityGroupInput{GroupName: aws.String("g"), Description: aws.String("d")})
	must(t, err)
	_, err = c.CreateKeyPair(t.Context(), &awsec2.CreateKeyPairInput{KeyName: aws.String("k"), KeyType: types.KeyTypeEd25519})
	must(t, err)
	left := strings.Join(e.Left(), "\n")
	for _, what := range []string{"instance " + id, "security group " + *group.GroupId, "key pair k"} {
		if !strings.Contains(left, "us-east-1: "+what) {
			t.Errorf("no %s in\n%s", what, left)
		}
	}
	_, err = c.TerminateInstances(t.Context(), &awsec2.TerminateInstancesInput{InstanceIds: []string{id}})
	must(t, err)
	become(t, c, id, "terminated")
	_, err = c.DeleteSecurityGroup(t.Context(), &awsec2.DeleteSecurityGroupInput{GroupId: group.GroupId})
	must(t, err)
	_, err = c.DeleteKeyPair(t.Context(), &awsec2.DeleteKeyPairInput{KeyName: aws.String("k")})
	must(t, err)
	if left := e.Left(); len(left) != 0 {
		t.Errorf("left at last: %v", left)
	}
}

// The environment that Env gives steers an SDK that reads its own.
func TestEnv(t *testing.T) {
	e := start(t, Config{})
	for _, pair := range e.Env() {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
	cfg, err := config.LoadDefaultConfig(t.Context())
	must(t, err)
	run(t, awsec2.NewFromConfig(cfg), order(1))
	if all := e.Instances(); len(all) != 1 || all[0].Region != "us-east-1" {
		t.Errorf("instances: %+v", all)
	}
}

func TestCloseEndsWhatWaits(t *testing.T) {
	t.Parallel()
	e := start(t, Config{})
	e.Fault(Fault{Action: "DescribeRegions", Delay: time.Hour})
	done := make(chan error)
	go func() {
		_, err := e.ec2("us-east-1").DescribeRegions(context.Background(), nil)
		done <- err
	}()
	lab.Eventually(t, 10*time.Second, "the call arrives", func() bool { return len(e.Calls()) == 1 })
	must(t, e.Close())
	if err := <-done; err == nil {
		t.Error("the call was answered")
	}
}
