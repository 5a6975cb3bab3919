package ui

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gofab/gofab/runner"
)

// appendOutput appends an output event as encoding/json would, which is too slow for the 100,000
// lines a second that hosts may write. It declines events that use more than output does.
func appendOutput(dst []byte, ev *runner.Event) ([]byte, bool) {
	if ev.Type != runner.Output || ev.Bytes != nil || ev.Run != "" || ev.Play != "" || ev.Status != "" ||
		ev.Code != nil || ev.Changed || ev.Ignored || ev.Remedy != "" || ev.Seconds != 0 || ev.Recap != nil {
		return dst, false
	}
	// Beyond these RFC 3339 has no year, or no offset, for it.
	if y := ev.Time.Year(); y < 1 || y > 9998 {
		return dst, false
	}
	dst = append(dst, `{"time":"`...)
	dst = ev.Time.AppendFormat(dst, time.RFC3339Nano)
	dst = append(dst, `","type":"output"`...)
	dst = appendField(dst, `,"step":`, ev.Step)
	dst = appendField(dst, `,"kind":`, ev.Kind)
	dst = appendField(dst, `,"pos":`, ev.Pos)
	dst = appendField(dst, `,"host":`, ev.Host)
	if ev.Index != nil {
		dst = append(dst, `,"index":`...)
		dst = strconv.AppendInt(dst, int64(*ev.Index), 10)
	}
	dst = appendField(dst, `,"stream":`, ev.Stream)
	dst = appendField(dst, `,"text":`, ev.Text)
	if ev.Part {
		dst = append(dst, `,"part":true`...)
	}
	return append(dst, "}\n"...), true
}

func appendField(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(dst, name...)
	dst = append(dst, '"')
	dst = appendJSON(dst, value)
	return append(dst, '"')
}

// appendJSON escapes what encoding/json escapes when HTML is left alone, in the same way.
func appendJSON(dst []byte, s string) []byte {
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		escaped := ""
		if c < utf8.RuneSelf {
			escaped = escapes[c]
		} else {
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && size == 1:
				escaped = `\ufffd`
			case r == '\u2028':
				escaped = `\u2028`
			case r == '\u2029':
				escaped = `\u2029`
			}
		}
		if escaped != "" {
			dst = append(dst, s[done:i]...)
			dst = append(dst, escaped...)
			done = i + size
		}
		i += size
	}
	return append(dst, s[done:]...)
}

// escapes has what ASCII characters become in a JSON string.
var escapes = func() (table [utf8.RuneSelf]string) {
	for c := range byte(' ') {
		table[c] = `\u00` + string(hex[c>>4]) + string(hex[c&15])
	}
	table['"'], table['\\'] = `\"`, `\\`
	table['\b'], table['\f'], table['\n'], table['\r'], table['\t'] = `\b`, `\f`, `\n`, `\r`, `\t`
	return table
}()
