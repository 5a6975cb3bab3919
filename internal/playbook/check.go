package playbook

import (
	"bytes"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/gofab/gofab/internal/source"
)

// checker goes through the document once, so that nobody after it need fear circles and
// explosions, keys that are no text, or keys that are repeated.
type checker struct {
	file    *file
	errs    *source.List
	open    map[*yaml.Node]bool
	nodes   int
	stopped bool
}

func (c *checker) stop(n *yaml.Node, msg string) {
	if !c.stopped {
		c.errs.Addf(c.pos(n), "%s", msg)
	}
	c.stopped = true
}

func (c *checker) pos(n *yaml.Node) source.Pos {
	return Value{node: n, file: c.file}.Pos()
}

func (c *checker) check(n *yaml.Node, depth int) {
	if c.nodes++; c.nodes > maxNodes {
		c.stop(n, fmt.Sprintf("the file unfolds to more than %d values", maxNodes))
	}
	if depth > maxDepth {
		c.stop(n, "the file is nested too deep")
	}
	if c.stopped {
		return
	}
	if n.Kind == yaml.AliasNode {
		if c.open[n.Alias] {
			c.stop(n, "the alias *"+n.Value+" stands inside of what it stands for")
			return
		}
		c.check(n.Alias, depth+1)
		return
	}
	c.open[n] = true
	defer delete(c.open, n)
	c.checkTag(n)
	switch n.Kind {
	case yaml.SequenceNode:
		for _, item := range n.Content {
			c.check(item, depth+1)
		}
	case yaml.MappingNode:
		c.checkMapping(n, depth)
	}
}

// checkTag allows the tags of plain data only.
func (c *checker) checkTag(n *yaml.Node) {
	switch n.ShortTag() {
	case "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!seq", "!!map", "!!merge", "":
	default:
		c.errs.Add(&source.Error{
			Pos: source.Pos{File: c.file.name, Line: n.Line, Col: n.Column},
			Msg: fmt.Sprintf("the tag %s means nothing here", n.Tag), Hint: "put a text that begins with ! in quotes",
		})
	}
}

func (c *checker) checkMapping(n *yaml.Node, depth int) {
	if e := c.bracesAsMapping(n); e != nil {
		c.errs.Add(e)
		c.asIfQuoted(n)
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content) && !c.stopped; i += 2 {
		key := n.Content[i]
		if c.checkKey(key) {
			if line, twice := seen[key.Value]; twice {
				c.errs.Addf(c.pos(key), "the key %q is repeated; it is in line %d already", key.Value, line)
			}
			seen[key.Value] = key.Line
		}
		c.check(n.Content[i+1], depth+1)
	}
}

// bracesAsMapping recognizes {{ N }} without quotes: a mapping in braces whose key is one.
func (c *checker) bracesAsMapping(n *yaml.Node) *source.Error {
	if n.Style&yaml.FlowStyle == 0 || len(n.Content) == 0 || n.Content[0].Kind != yaml.MappingNode {
		return nil
	}
	at := c.file.offset(n.Line, n.Column)
	if at < 0 || !bytes.HasPrefix(c.file.src[at:], []byte("{{")) {
		return nil
	}
	line := c.file.line(n.Line)
	lineAt := c.file.lines[n.Line-1]
	before := strings.TrimSpace(line[:min(at-lineAt, len(line))])
	return unquoted(c.file.pos(at), before, line[min(at-lineAt, len(line)):])
}

// asIfQuoted makes of n the text that was meant, so that what is wrong inside of it, and
// nothing else, is found in the same run.
func (c *checker) asIfQuoted(n *yaml.Node) {
	text := string(c.file.src[c.file.offset(n.Line, n.Column):])
	if end := strings.Index(text, "}}"); end >= 0 {
		text = text[:end+len("}}")]
	}
	*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Line: n.Line, Column: n.Column}
}

func (c *checker) checkKey(key *yaml.Node) bool {
	at := key
	if key.Kind == yaml.AliasNode {
		key = key.Alias
	}
	switch {
	case key.Kind != yaml.ScalarNode:
		c.errs.Addf(c.pos(at), "a key must be text, not %s", c.file.value(key).KindName())
		c.stopped = true
		return false
	case key.ShortTag() == "!!merge":
		c.errs.Add(&source.Error{Pos: c.pos(at), Msg: "merge keys (<<) are not supported", Hint: "write the keys out"})
		return false
	case key.ShortTag() != "!!str" && key.ShortTag() != "!!timestamp":
		c.errs.Add(&source.Error{Pos: c.pos(at), Msg: fmt.Sprintf("a key must be text, and YAML takes %s for something else", key.Value), Hint: fmt.Sprintf("put it in quotes: %q:", key.Value)})
		return false
	}
	return true
}
