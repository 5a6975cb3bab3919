package awslab

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write documented.txt from the SDK's serializers")

// documented.txt says what the SDK, which is made from AWS's model, can send.
func TestDocumented(t *testing.T) {
	t.Parallel()
	model := readSerializers(t)
	var lines []string
	for action := range actions {
		before := len(lines)
		model.walk("OpDocument"+action+"Input", "", func(name string) { lines = append(lines, action+" "+name+"\n") })
		if len(lines) == before {
			t.Errorf("the SDK knows no action %s", action)
		}
	}
	slices.Sort(lines)
	want := strings.Join(lines, "")
	if *update {
		if err := os.WriteFile("documented.txt", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if documentedText != want {
		t.Error("documented.txt is not what the SDK says: go test ./internal/lab/awslab -run TestDocumented -update")
	}
}

// serializers are the bodies of the SDK's functions that write parameters, by what they write.
type serializers map[string]string

var (
	serializer = regexp.MustCompile(`(?ms)^func awsEc2query_serialize(\w+)\(.*?\n}`)
	member     = regexp.MustCompile(`object\.(Flat)?Key\("(\w+)"\)\n(?:\t\t(?:if err := awsEc2query_serialize(\w+))?)?`)
	element    = regexp.MustCompile(`av := array\.Value\(\)\n(?:\t\t(?:if err := awsEc2query_serialize(\w+))?)?`)
)

func readSerializers(t *testing.T) serializers {
	t.Helper()
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2/service/ec2").Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(string(bytes.TrimSpace(dir)), "serializers.go"))
	if err != nil {
		t.Fatal(err)
	}
	all := serializers{}
	for _, m := range serializer.FindAllStringSubmatch(string(text), -1) {
		all[m[1]] = m[0]
	}
	return all
}

// walk gives every name under prefix that the function writes.
func (s serializers) walk(function, prefix string, found func(string)) {
	body := s[function]
	if m := element.FindStringSubmatch(body); m != nil { // a list
		s.visit(m[1], prefix+".#", found)
		return
	}
	for _, m := range member.FindAllStringSubmatch(body, -1) {
		name := m[2]
		if prefix != "" {
			name = fmt.Sprintf("%s.%s", prefix, name)
		}
		s.visit(m[3], name, found)
	}
}

// visit follows a nested function, if there is one.
func (s serializers) visit(function, name string, found func(string)) {
	if function == "" {
		found(name)
		return
	}
	s.walk(function, name, found)
}
