package ui

import (
	"fmt"
	"math"
	"testing"

	"github.com/gofab/gofab/runner"
)

func TestRecapOfAThousandHosts(t *testing.T) {
	t.Parallel()
	var hosts []runner.HostRecap
	for i := range 1000 {
		h := runner.HostRecap{Host: fmt.Sprintf("local-%d", i), Index: i, OK: 4, Changed: 1}
		switch {
		case i == 17:
			h.Failed = 1
		case i == 18:
			h.Unreachable = 1
		case i >= 900:
			h.Host = fmt.Sprintf("web%04d.example.com", i-900)
		case i == 5 || i == 800:
			h.Skipped = 1
		}
		hosts = append(hosts, h)
	}
	hosts = append(hosts, runner.HostRecap{Host: "gateway", Index: 1000, OK: 4, Changed: 1})
	var tr transcript
	p := NewPlain(Stream{W: tr.stream("out")}, Stream{W: tr.stream("err")}, Options{})
	p.recap(hosts)
	golden(t, "recap-1000", tr.Bytes())
}

func TestTook(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]string{
		0: "0.0 s", 3.2: "3.2 s", 59.94: "59.9 s", 59.96: "1 min 0 s", 125: "2 min 5 s", 3599.7: "1 h 0 min", 3780: "1 h 3 min",
	} {
		if got := took(seconds); got != want {
			t.Errorf("took(%v) = %s", seconds, got)
		}
	}
}

func TestColorIsDecidedInOrder(t *testing.T) {
	t.Parallel()
	for i, tc := range []struct {
		mode     ColorMode
		terminal bool
		env      map[string]string
		want     bool
	}{
		{Auto, true, nil, true},
		{Auto, false, nil, false},
		{"", true, nil, true},
		{Always, false, map[string]string{"NO_COLOR": "1", "TERM": "dumb"}, true},
		{Never, true, map[string]string{"FORCE_COLOR": "1"}, false},
		{Auto, true, map[string]string{"NO_COLOR": "0"}, false},
		{Auto, true, map[string]string{"NO_COLOR": ""}, true},
		{Auto, false, map[string]string{"FORCE_COLOR": "1"}, true},
		{Auto, false, map[string]string{"FORCE_COLOR": "0"}, false},
		{Auto, false, map[string]string{"CLICOLOR_FORCE": "1", "TERM": "dumb"}, true},
		{Auto, true, map[string]string{"NO_COLOR": "1", "FORCE_COLOR": "1"}, false},
		{Auto, true, map[string]string{"TERM": "dumb"}, false},
		{Auto, true, map[string]string{"CLICOLOR": "0"}, false},
	} {
		if got := tc.mode.enabled(tc.terminal, func(k string) string { return tc.env[k] }); got != tc.want {
			t.Errorf("case %d: %v", i, got)
		}
	}
	if _, err := ParseColorMode("sometimes"); err == nil {
		t.Error("sometimes is a colour mode")
	}
}

// Every colour can be read on black and on white.
func TestContrast(t *testing.T) {
	t.Parallel()
	linear := func(level int) float64 {
		c := []float64{0, 95, 135, 175, 215, 255}[level] / 255
		if c <= 0.03928 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	for _, c := range append([]color{red, orange, green}, hostColors...) {
		var n int
		if _, err := fmt.Sscanf(string(c), "38;5;%d", &n); err != nil {
			t.Fatal(err)
		}
		n -= 16
		l := 0.2126*linear(n/36) + 0.7152*linear(n/6%6) + 0.0722*linear(n%6)
		if dark, light := (l+0.05)/0.05, 1.05/(l+0.05); min(dark, light) < 3.9 {
			t.Errorf("%s: %.1f on black, %.1f on white", c, dark, light)
		}
	}
}
