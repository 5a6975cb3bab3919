package ui

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// appendSafe appends s with everything that could steer a terminal made visible: control
// characters of both sets (\x1b, \u009b), marks that turn the direction of writing (\u202e), and
// bytes that are no UTF-8 (\xff). Tabs stay, and newlines where lines are ours to lay out.
func appendSafe(dst []byte, s string, keep string) []byte {
	for len(s) > 0 {
		n := plainPrefix(s)
		dst = append(dst, s[:n]...)
		s = s[n:]
		if s == "" {
			break
		}
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1, r < ' ' && !strings.ContainsRune(keep, r), r == 0x7f:
			dst = append(dst, `\x`...)
			dst = append(dst, hex[s[0]>>4], hex[s[0]&15])
		case r >= 0x80 && steers(r):
			dst = append(dst, strconv.QuoteRuneToASCII(r)[1:7]...)
		default:
			dst = append(dst, s[:size]...)
		}
		s = s[size:]
	}
	return dst
}

const hex = "0123456789abcdef"

// plainPrefix is the length of the printable ASCII and tabs that s begins with.
func plainPrefix(s string) int {
	for i := range len(s) {
		if c := s[i]; (c < ' ' && c != '\t') || c >= 0x7f {
			return i
		}
	}
	return len(s)
}

func steers(r rune) bool {
	return r <= 0x9f || r == 0x61c || r == 0x200e || r == 0x200f || (r >= 0x2028 && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069)
}

// lastState is what a terminal shows in the end of a line in which carriage returns went back
// to the start: what stands after the last of them that something follows.
func lastState(line string) string {
	line = strings.TrimRight(line, "\r")
	return line[strings.LastIndexByte(line, '\r')+1:]
}
