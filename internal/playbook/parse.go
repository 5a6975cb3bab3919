package playbook

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/gofab/gofab/internal/source"
)

const (
	maxFile   = 4 << 20
	maxDepth  = 100
	maxNodes  = 200_000 // with aliases counted as often as they are used
	byteOrder = "\ufeff"
)

// parse reads one YAML document and checks what holds for all of them: sane size and
// nesting, text for keys, no key twice. ok is false when there is nothing to go on with; an
// empty file is ok and a zero Value.
func parse(name string, src []byte, errs *source.List) (root Value, ok bool) {
	src = bytes.TrimPrefix(src, []byte(byteOrder))
	f := newFile(name, src)
	if !f.readable(errs) {
		return Value{}, false
	}
	doc, err := f.decode()
	if err != nil {
		errs.Add(err)
		return Value{}, false
	}
	if doc == nil || len(doc.Content) == 0 || isNothing(doc.Content[0]) {
		return Value{}, true
	}
	c := checker{file: f, errs: errs, open: map[*yaml.Node]bool{}}
	c.check(doc.Content[0], 0)
	if c.stopped {
		return Value{}, false
	}
	return f.value(doc.Content[0]), true
}

func isNothing(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// readable refuses what is no text.
func (f *file) readable(errs *source.List) bool {
	if len(f.src) > maxFile {
		errs.Addf(source.Pos{File: f.name}, "the file has more than %d MiB", maxFile>>20)
		return false
	}
	if i := bytes.IndexByte(f.src, 0); i >= 0 {
		errs.Addf(f.pos(i), "a NUL byte: this is not a text file")
		return false
	}
	for i := 0; i < len(f.src); {
		r, size := utf8.DecodeRune(f.src[i:])
		if r == utf8.RuneError && size == 1 {
			errs.Add(&source.Error{Pos: f.pos(i), Msg: "this is not UTF-8", Hint: "save the file as UTF-8"})
			return false
		}
		i += size
	}
	return true
}

// decode gives the document, nil for an empty file.
func (f *file) decode() (doc *yaml.Node, problem *source.Error) {
	defer func() {
		if p := recover(); p != nil { // yaml.v3 has panicked on malformed input before
			doc, problem = nil, &source.Error{Pos: source.Pos{File: f.name}, Msg: fmt.Sprintf("this is not YAML: %v", p)}
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(f.src))
	var first, second yaml.Node
	if err := dec.Decode(&first); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, f.syntaxError(err)
	}
	if err := dec.Decode(&second); err == nil {
		return nil, &source.Error{
			Pos: source.Pos{File: f.name, Line: second.Line, Col: second.Column},
			Msg: "a second document begins here; a playbook is one", Hint: "take out the line with ---",
		}
	} else if !errors.Is(err, io.EOF) {
		return nil, f.syntaxError(err)
	}
	return &first, nil
}
