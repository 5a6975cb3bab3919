package payload_test

import (
	"strings"
	"testing"

	"github.com/gofab/gofab/internal/payload"
)

func TestTarget(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ system, machine, want string }{
		{"Linux", "x86_64", "linux/amd64"},
		{"Linux\n", "aarch64\r\n", "linux/arm64"},
		{"Linux", "armv7l", "linux/arm"},
		{"Linux", "armv6l", "linux/arm"},
		{"Linux", "i686", "linux/386"},
		{"Linux", "i386", "linux/386"},
		{"Linux", "riscv64", "linux/riscv64"},
		{"Linux", "ppc64le", "linux/ppc64le"},
		{"Linux", "s390x", "linux/s390x"},
		{"Darwin", "arm64", "darwin/arm64"},
		{"Darwin", "x86_64", "darwin/amd64"},
		{"FreeBSD", "amd64", "freebsd/amd64"},
		{"FreeBSD", "arm64", "freebsd/arm64"},
	} {
		goos, goarch, err := payload.Target(test.system, test.machine)
		if err != nil || goos+"/"+goarch != test.want {
			t.Errorf("%q %q: got %s/%s, %v, want %s", test.system, test.machine, goos, goarch, err, test.want)
		}
	}
	for _, test := range []struct{ system, machine string }{
		{"", ""}, {"Linux", ""}, {"Linux", "mips"}, {"SunOS", "x86_64"}, {"Darwin", "armv7l"}, {"FreeBSD", "s390x"},
	} {
		goos, goarch, err := payload.Target(test.system, test.machine)
		if err == nil || goos+goarch != "" || !strings.Contains(err.Error(), "cmd/miner") {
			t.Errorf("%q %q: got %s/%s, %v", test.system, test.machine, goos, goarch, err)
		}
	}
}
