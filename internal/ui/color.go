package ui

import (
	"fmt"
	"slices"
)

// ColorMode is what --color says. Its zero value is auto.
type ColorMode string

// The values of --color.
const (
	Auto   ColorMode = "auto"
	Always ColorMode = "always"
	Never  ColorMode = "never"
)

// ParseColorMode reads the value of --color.
func ParseColorMode(s string) (ColorMode, error) {
	if mode := ColorMode(s); slices.Contains([]ColorMode{Auto, Always, Never}, mode) {
		return mode, nil
	}
	return "", fmt.Errorf("--color is auto, always or never, not %q", s)
}

// enabled decides for one stream: the flag, then NO_COLOR (no-color.org), then FORCE_COLOR
// (force-color.org) and CLICOLOR_FORCE (bixense.com/clicolors), then what the stream is.
func (m ColorMode) enabled(terminal bool, getenv func(string) string) bool {
	forces := func(name string) bool {
		v := getenv(name)
		return v != "" && v != "0" && v != "false"
	}
	switch {
	case m == Always:
		return true
	case m == Never, getenv("NO_COLOR") != "":
		return false
	case forces("FORCE_COLOR"), forces("CLICOLOR_FORCE"):
		return true
	}
	return terminal && getenv("TERM") != "dumb" && getenv("CLICOLOR") != "0"
}

// color is an SGR sequence's inside; empty is the terminal's own colour.
type color string

// Of the 256 colours these have a contrast of at least 3.9 to 1 on black and on white alike.
const (
	red    color = "38;5;196"
	orange color = "38;5;130"
	green  color = "38;5;28"
	grey   color = "38;5;243"
	bold   color = "1"
)

// hostColors has nothing that looks like a failure or a warning.
var hostColors = []color{"38;5;31", "38;5;64", "38;5;133", "38;5;30", "38;5;98", "38;5;28", "38;5;132", "38;5;27"}

func (c color) append(dst []byte, text string) []byte {
	dst = append(dst, "\x1b["...)
	dst = append(dst, c...)
	dst = append(dst, 'm')
	dst = append(dst, text...)
	return append(dst, "\x1b[0m"...)
}
