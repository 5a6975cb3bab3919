package source

import (
	"io"
	"strings"
)

// Render writes the report of errs to w, a block for each: position and message, the source
// line with a caret when withSnippet is set and sources has the file, and the hint on a line
// of its own. The whole report is one Write.
func Render(w io.Writer, errs Errors, sources map[string][]byte, withSnippet, colour bool) error {
	paint := painter(colour)
	var b strings.Builder
	for i, e := range errs {
		if i > 0 && withSnippet {
			b.WriteByte('\n')
		}
		if at := e.Pos.String(); at != "" {
			b.WriteString(paint(bold, Visible(at)+":") + " ")
		}
		b.WriteString(Visible(e.Msg) + "\n")
		if withSnippet {
			b.WriteString(paintCaret(Snippet(sources[e.Pos.File], e.Pos), paint))
		}
		if e.Hint != "" {
			b.WriteString("  " + paint(cyan, Visible(e.Hint)) + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const (
	bold = "\x1b[1m"
	red  = "\x1b[1;31m"
	cyan = "\x1b[36m"
	off  = "\x1b[0m"
)

func painter(colour bool) func(code, s string) string {
	return func(code, s string) string {
		if !colour {
			return s
		}
		return code + s + off
	}
}

// paintCaret colours the caret, which is the last character of a snippet's last line.
func paintCaret(snippet string, paint func(code, s string) string) string {
	head, ok := strings.CutSuffix(snippet, "^\n")
	if !ok {
		return snippet
	}
	return head + paint(red, "^") + "\n"
}
