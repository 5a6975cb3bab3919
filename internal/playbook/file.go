package playbook

import (
	"bytes"
	"sort"
	"sync"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/gofab/gofab/internal/source"
)

// file is the text that values were read from, for finding places in it.
type file struct {
	name  string
	src   []byte
	lines []int // the offset of each line
	marks []int // the number of characters before every stride-th byte
}

// stride keeps the conversion between bytes and characters cheap in a file that is one long
// line of JSON.
const stride = 256

func newFile(name string, src []byte) *file {
	f := &file{name: name, src: src, lines: []int{0}}
	runes := 0
	for i, b := range src {
		if i%stride == 0 {
			f.marks = append(f.marks, runes)
		}
		if utf8.RuneStart(b) {
			runes++
		}
		if b == '\n' || b == '\r' && (i+1 == len(src) || src[i+1] != '\n') {
			f.lines = append(f.lines, i+1)
		}
	}
	f.marks = append(f.marks, runes)
	return f
}

// runes is the number of characters that begin before the offset.
func (f *file) runes(offset int) int {
	if offset >= len(f.src) {
		return f.marks[len(f.marks)-1]
	}
	n := f.marks[offset/stride]
	for _, b := range f.src[offset/stride*stride : offset] {
		if utf8.RuneStart(b) {
			n++
		}
	}
	return n
}

// offset is the byte at a line and a column of characters, both from 1, or -1.
func (f *file) offset(line, col int) int {
	if line < 1 || line > len(f.lines) {
		return -1
	}
	want := f.runes(f.lines[line-1]) + max(col, 1) - 1
	return sort.Search(len(f.src)+1, func(i int) bool { return f.runes(i) > want }) - 1
}

// pos is the place of a byte.
func (f *file) pos(offset int) source.Pos {
	offset = min(max(offset, 0), len(f.src))
	line := sort.Search(len(f.lines), func(i int) bool { return f.lines[i] > offset })
	return source.Pos{File: f.name, Line: line, Col: f.runes(offset) - f.runes(f.lines[line-1]) + 1}
}

// At is the place of the byte at an offset of the scalar's text. For other values and
// offset 0 it is where they begin.
func (v Value) At(offset int) source.Pos {
	if v.IsZero() {
		return source.Pos{}
	}
	w, ok := v.walker()
	if !ok {
		return source.Pos{File: v.file.name}
	}
	w.walk(offset)
	return v.file.pos(w.at)
}

// places is At for many offsets, cheap when they come in ascending order.
func (v Value) places() func(offset int) source.Pos {
	var mu sync.Mutex
	var last walker
	return func(offset int) source.Pos {
		mu.Lock()
		defer mu.Unlock()
		if last.src == nil || offset < last.done {
			var ok bool
			if last, ok = v.walker(); !ok {
				return source.Pos{File: v.file.name}
			}
		}
		last.walk(offset)
		return v.file.pos(last.at)
	}
}

// walker begins where the value does.
func (v Value) walker() (walker, bool) {
	begin := v.file.offset(v.node.Line, v.node.Column)
	if begin < 0 {
		return walker{}, false
	}
	w := walker{src: v.file.src, at: begin}
	if v.IsScalar() {
		w.at = skipProperties(w.src, begin)
		w.text, w.style = v.node.Value, v.node.Style
		w.enter()
	}
	return w, true
}

// skipProperties goes past a tag or an anchor, which yaml.v3 counts to the scalar.
func skipProperties(src []byte, at int) int {
	for at < len(src) && (src[at] == '!' || src[at] == '&') {
		for at < len(src) && !isBlank(src[at]) {
			at++
		}
		for at < len(src) && isBlank(src[at]) {
			at++
		}
	}
	return at
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

// walker steps through the text of a scalar and through its spelling in the file side by
// side. A run of blanks in the text is one of blanks in the file, however folding and
// indentation changed it.
type walker struct {
	src   []byte
	at    int // the place in src
	text  string
	done  int // the place in text
	style yaml.Style
}

// enter goes to the first character of the content.
func (w *walker) enter() {
	switch {
	case w.style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		w.at++
	case w.style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		n := bytes.IndexByte(w.src[w.at:], '\n')
		if n < 0 {
			return
		}
		w.at += n + 1
		if w.text == "" || isBlank(w.text[0]) {
			return
		}
		for w.at < len(w.src) && isBlank(w.src[w.at]) {
			w.at++
		}
	}
}

// walk goes on to the offset of the text.
func (w *walker) walk(offset int) {
	for w.done < min(offset, len(w.text)) && w.at < len(w.src) {
		blanks := blanksOf(w.text[w.done:])
		switch {
		case blanks > 0 && isBlank(w.src[w.at]):
			if rest := offset - w.done; rest < blanks {
				w.at += min(rest, w.blanks()-1)
				w.text = "" // somewhere inside of the blanks: there is no way on from here
				w.src = nil
				return
			}
			w.at += w.blanks()
			w.done += blanks
		case w.style&yaml.DoubleQuotedStyle != 0 && w.src[w.at] == '\\':
			w.escape()
		default:
			if w.style&yaml.SingleQuotedStyle != 0 && bytes.HasPrefix(w.src[w.at:], []byte("''")) {
				w.at++
			}
			_, size := utf8.DecodeRuneInString(w.text[w.done:])
			w.done += size
			_, size = utf8.DecodeRune(w.src[w.at:])
			w.at += size
		}
	}
}

func blanksOf(s string) int {
	n := 0
	for n < len(s) && isBlank(s[n]) {
		n++
	}
	return n
}

func (w *walker) blanks() int {
	n := 0
	for w.at+n < len(w.src) && isBlank(w.src[w.at+n]) {
		n++
	}
	return n
}

// escape goes past a backslash sequence and what it stands for.
func (w *walker) escape() {
	c := byte(0)
	if w.at+1 < len(w.src) {
		c = w.src[w.at+1]
	}
	w.at = min(w.at+2+map[byte]int{'x': 2, 'u': 4, 'U': 8}[c], len(w.src))
	if c == '\n' || c == '\r' {
		w.at += w.blanks()
		return
	}
	_, size := utf8.DecodeRuneInString(w.text[w.done:])
	w.done += size
}
