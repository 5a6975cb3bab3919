package aws

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/lab/awslab"
)

// login puts an access key where the SDK looks for one: somebody logs in.
func login(t *testing.T, key string) {
	text := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = secret\n", key)
	if err := os.WriteFile(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), []byte(text), 0o600); err != nil {
		t.Error(err)
	}
}

// loggedIn is a world whose credentials are in a file.
func loggedIn(t *testing.T) *world {
	w := start(t, awslab.Config{})
	for _, v := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		t.Setenv(v, "")
	}
	home := t.TempDir()
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(home, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(home, "credentials"))
	login(t, "AKIAOLD")
	return w
}

// expire has the next call of an action meet with credentials that have expired, and somebody log in
// before the answer arrives.
func (w *world) expire(action, code string) {
	w.Fault(awslab.Fault{Action: action, Times: 1, Code: code})
	var once sync.Once
	w.Hook(func(m awslab.Moment, c awslab.Call) {
		if m == awslab.After && c.Action == action {
			once.Do(func() { login(w.t, "AKIANEW") })
		}
	})
}

// keys are the access keys with which an action was asked for.
func (w *world) keys(action string) []string {
	var all []string
	for _, c := range w.calls(action) {
		all = append(all, c.Key)
	}
	return all
}

// Whoever logs in while a run goes on is asked for nothing else: the call is made once more, with the
// new credentials.
func TestExpiredCredentials(t *testing.T) {
	twice := []string{"AKIAOLD", "AKIANEW"}
	for _, code := range []string{"RequestExpired", "ExpiredToken"} {
		t.Run("EC2 "+code, func(t *testing.T) {
			w := loggedIn(t)
			w.expire("DescribeInstances", code)
			if _, err := w.provider().Machines(t.Context(), "r"); err != nil {
				t.Error(err)
			}
			if keys := w.keys("DescribeInstances"); !slices.Equal(keys, twice) {
				t.Errorf("asked with %q", keys)
			}
		})
	}
	t.Run("SQS", func(t *testing.T) {
		w := loggedIn(t)
		p := w.provider()
		if _, err := p.Open(t.Context(), "r", "", time.Time{}); err != nil {
			t.Fatal(err)
		}
		w.expire("SendMessage", "ExpiredTokenException")
		if err := p.Send(t.Context(), "r", []byte("x")); err != nil {
			t.Error(err)
		}
		if keys := w.keys("SendMessage"); !slices.Equal(keys, twice) {
			t.Errorf("asked with %q", keys)
		}
	})
}

// A whole upload is made once more: what was sent of the file is sent again.
func TestCredentialsExpireDuringAnUpload(t *testing.T) {
	for action, size := range map[string]int{"HeadBucket": 5, "CreateBucket": 5, "PutObject": 5, "CreateMultipartUpload": 9 << 20, "UploadPart": 9 << 20} {
		t.Run(action, func(t *testing.T) {
			w := loggedIn(t)
			file := filepath.Join(t.TempDir(), "x")
			if err := os.WriteFile(file, []byte(strings.Repeat("x", size)), 0o600); err != nil {
				t.Fatal(err)
			}
			w.expire(action, "ExpiredToken")
			o := cloud.Object{Run: "r", Bucket: "mine", Create: true, Key: "x", File: file}
			p := w.provider()
			if _, err := p.Upload(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			keys := w.keys(action)
			if keys[0] != "AKIAOLD" || keys[len(keys)-1] != "AKIANEW" {
				t.Errorf("asked with %q", keys)
			}
			if again, err := p.Upload(t.Context(), o); err != nil || !again.Unchanged {
				t.Errorf("it is not there: %+v, %v", again, err)
			}
		})
	}
}

// Nobody has logged in: it is asked once more, and then said.
func TestCredentialsStayExpired(t *testing.T) {
	w := loggedIn(t)
	p := w.provider()
	file := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.Fault(awslab.Fault{Times: -1, Code: "ExpiredToken"})
	_, listed := p.Machines(t.Context(), "r")
	_, stored := p.Upload(t.Context(), cloud.Object{Run: "r", Bucket: "mine", Key: "x", File: file})
	for action, err := range map[string]error{"DescribeInstances": listed, "PutObject": stored} {
		var own interface{ Remedy() string }
		if !errors.As(err, &own) || !strings.Contains(err.Error(), "have expired") || !strings.Contains(own.Remedy(), "log in again") {
			t.Errorf("%v", err)
		}
		if keys := w.keys(action); len(keys) != 2 {
			t.Errorf("%s was asked for with %q", action, keys)
		}
	}
}
