package expr

import (
	"slices"
	"strings"

	"github.com/gofab/gofab/internal/source"
)

// maxNesting bounds the depth of an expression and of statements: no one writes more, and
// Go cannot recover from a stack that is used up.
const maxNesting = 100

// parser reads expressions by recursive descent, in the grammar and precedence of Jinja
// (jinja2/parser.py).
type parser struct {
	scan  *scanner
	tok   token
	ahead []token
	depth int
}

func newParser(s *scanner) *parser {
	p := &parser{scan: s}
	p.advance()
	return p
}

func (p *parser) advance() token {
	old := p.tok
	if len(p.ahead) > 0 {
		p.tok, p.ahead = p.ahead[0], p.ahead[1:]
	} else {
		p.tok = p.scan.next()
	}
	return old
}

// accept consumes the current token if it is the operator or keyword.
func (p *parser) accept(ops ...string) bool {
	if !p.tok.is(ops...) {
		return false
	}
	p.advance()
	return true
}

func (p *parser) expect(op string) {
	if !p.accept(op) {
		fail(p.tok.at, "", "expected %q, found %s", op, p.tok)
	}
}

func (p *parser) expectName(what string) token {
	if p.tok.kind != nameTok {
		fail(p.tok.at, "", "expected %s, found %s", what, p.tok)
	}
	return p.advance()
}

// expectEnd wants nothing left before the closing delimiter.
func (p *parser) expectEnd() {
	if p.tok.kind == endTok {
		return
	}
	hint := ""
	if p.tok.is("=") {
		hint = "== compares"
	}
	fail(p.tok.at, hint, "expected an operator or the end, found %s", p.tok)
}

func (p *parser) enter() func() {
	if p.depth++; p.depth > maxNesting {
		fail(p.tok.at, "", "the expression is nested too deep")
	}
	return func() { p.depth-- }
}

// parseCondition reads a text that is one bare expression.
func parseCondition(text string) node {
	if strings.TrimSpace(text) == "" {
		fail(0, "write an expression such as D > 4", "the condition is empty")
	}
	p := newParser(&scanner{text: text})
	n := p.expression()
	p.expectEnd()
	return n
}

// bare guesses what a condition in braces looks like without them.
func bare(text string) string {
	inner, closed := strings.CutPrefix(text, "{{")
	inner, ended := strings.CutSuffix(inner, "}}")
	inner = strings.TrimSpace(inner)
	if !closed || !ended || inner == "" || strings.ContainsAny(inner, "{}\n") {
		return "D > 4"
	}
	return inner
}

func (p *parser) expression() node {
	defer p.enter()()
	n := p.or()
	for p.tok.is("if") {
		c := &inlineIf{at: at(p.advance().at), then: n}
		c.cond = p.or()
		if p.accept("else") {
			c.els = p.expression()
		}
		n = c
	}
	return n
}

func (p *parser) or() node  { return p.binary(p.and, "or") }
func (p *parser) and() node { return p.binary(p.not, "and") }

// binary reads operand {op operand}, which associates to the left.
func (p *parser) binary(operand func() node, ops ...string) node {
	n := operand()
	for p.tok.is(ops...) {
		op := p.advance()
		n = &binary{at: at(op.at), op: op.text, left: n, right: operand()}
	}
	return n
}

func (p *parser) not() node {
	if !p.tok.is("not") {
		return p.compare()
	}
	defer p.enter()()
	op := p.advance()
	return &unary{at: at(op.at), op: "not", of: p.not()}
}

func (p *parser) compare() node {
	n := p.sum()
	c := &comparison{at: at(n.offset()), first: n}
	for {
		op := p.tok
		switch {
		case p.accept("==", "!=", "<", "<=", ">", ">=", "in"):
		case op.is("not") && p.peek().is("in"):
			p.advance()
			p.advance()
			op.text = "not in"
		default:
			if len(c.links) == 0 {
				return n
			}
			return c
		}
		c.links = append(c.links, link{op: op.text, right: p.sum(), at: op.at})
	}
}

func (p *parser) peek() token {
	if len(p.ahead) == 0 {
		p.ahead = append(p.ahead, p.scan.next())
	}
	return p.ahead[0]
}

func (p *parser) sum() node     { return p.binary(p.concat, "+", "-") }
func (p *parser) concat() node  { return p.binary(p.product, "~") }
func (p *parser) product() node { return p.binary(p.power, "*", "/", "//", "%") }
func (p *parser) power() node   { return p.binary(p.signed, "**") }

func (p *parser) signed() node { return p.filters(p.unfiltered()) }

// unfiltered reads a sign before what it applies to: -x | abs is (-x) | abs.
func (p *parser) unfiltered() node {
	if !p.tok.is("-", "+") {
		return p.postfix(p.primary())
	}
	defer p.enter()()
	op := p.advance()
	return &unary{at: at(op.at), op: op.text, of: p.unfiltered()}
}

func (p *parser) primary() node {
	t := p.tok
	switch {
	case t.kind == nameTok:
		return p.name()
	case t.kind == numberTok:
		p.advance()
		return &literal{at: at(t.at), val: t.val}
	case t.kind == stringTok:
		return p.strings()
	case p.accept("("):
		return p.parenthesis(t)
	case p.accept("["):
		return &list{at: at(t.at), items: p.items("]")}
	case p.accept("{"):
		return p.dict(t)
	}
	fail(t.at, "", "expected a value, found %s", t)
	panic("unreachable")
}

var keywords = []string{"and", "or", "not", "in", "is", "if", "else", "elif", "for"}

// Keywords are the words that cannot name a variable.
func Keywords() []string {
	return append(slices.Clone(keywords), "true", "false", "none", "True", "False", "None", "loop")
}

func (p *parser) name() node {
	t := p.advance()
	switch t.text {
	case "true", "True":
		return &literal{at: at(t.at), val: true}
	case "false", "False":
		return &literal{at: at(t.at), val: false}
	case "none", "None":
		return &literal{at: at(t.at)}
	}
	if slices.Contains(keywords, t.text) {
		fail(t.at, "", "expected a value, found the word %q", t.text)
	}
	return &variable{at: at(t.at), name: t.text}
}

// strings joins neighbours, as Jinja does: "a" "b" is "ab".
func (p *parser) strings() node {
	t := p.advance()
	s := t.val.(string)
	for p.tok.kind == stringTok {
		s += p.advance().val.(string)
	}
	return &literal{at: at(t.at), val: s}
}

func (p *parser) parenthesis(open token) node {
	if p.accept(")") {
		return &list{at: at(open.at)}
	}
	first := p.expression()
	if !p.tok.is(",") {
		p.expect(")")
		return first
	}
	p.advance()
	return &list{at: at(open.at), items: append([]node{first}, p.items(")")...)}
}

func (p *parser) items(end string) []node {
	var items []node
	for !p.accept(end) {
		items = append(items, p.expression())
		if !p.accept(",") {
			p.expect(end)
			break
		}
	}
	return items
}

func (p *parser) dict(open token) node {
	d := &dict{at: at(open.at)}
	for !p.accept("}") {
		d.keys = append(d.keys, p.expression())
		p.expect(":")
		d.vals = append(d.vals, p.expression())
		if !p.accept(",") {
			p.expect("}")
			break
		}
	}
	return d
}

func (p *parser) postfix(n node) node {
	for {
		t := p.tok
		switch {
		case p.accept("."):
			n = p.member(n)
		case p.accept("["):
			n = p.subscript(n, t)
		case p.accept("("):
			n = &call{at: at(t.at), fn: n, args: p.arguments()}
		default:
			return n
		}
	}
}

func (p *parser) member(of node) node {
	t := p.tok
	if t.kind == numberTok {
		if i, ok := t.val.(int); ok {
			p.advance()
			return &item{at: at(t.at), of: of, key: &literal{at: at(t.at), val: i}}
		}
	}
	name := p.expectName("a name after the dot")
	return &member{at: at(name.at), of: of, name: name.text}
}

func (p *parser) subscript(of node, open token) node {
	var parts [3]node
	n, colons := 0, 0
	for !p.tok.is("]") {
		if p.tok.is(":") && n < 2 {
			p.advance()
			n, colons = n+1, colons+1
			continue
		}
		if parts[n] != nil {
			break
		}
		parts[n] = p.expression()
	}
	end := p.tok
	p.expect("]")
	if colons > 0 {
		return &slice{at: at(open.at), of: of, from: parts[0], to: parts[1], step: parts[2]}
	}
	if parts[0] == nil {
		fail(end.at, "", "expected an index or a key between the brackets")
	}
	return &item{at: at(open.at), of: of, key: parts[0]}
}

// arguments reads up to the closing parenthesis.
func (p *parser) arguments() args {
	var a args
	for !p.accept(")") {
		if p.tok.kind == nameTok && p.peek().is("=") {
			name := p.advance()
			p.advance()
			if slices.Contains(a.names, name.text) {
				fail(name.at, "", "the argument %s is given twice", name.text)
			}
			a.names, a.kw = append(a.names, name.text), append(a.kw, p.expression())
		} else if len(a.kw) > 0 {
			fail(p.tok.at, "", "an argument without a name cannot follow one with a name")
		} else {
			a.pos = append(a.pos, p.expression())
		}
		if !p.accept(",") {
			p.expect(")")
			break
		}
	}
	return a
}

func (p *parser) filters(n node) node {
	for {
		switch {
		case p.accept("|"):
			n = p.filter(n)
		case p.accept("is"):
			n = p.test(n)
			if p.tok.is("is") {
				fail(p.tok.at, "join them with and", "tests cannot be chained")
			}
		default:
			return n
		}
	}
}

func (p *parser) filter(of node) node {
	name := p.expectName("the name of a filter")
	if !isFilter(name.text) {
		fail(name.at, source.Suggest(name.text, Filters()), "there is no filter %q", name.text)
	}
	f := &filter{at: at(name.at), of: of, name: name.text}
	if p.accept("(") {
		f.args = p.arguments()
	}
	return f
}

// endsTest are the words that may follow a test without being its argument.
var endsTest = []string{"and", "or", "else", "if", "is", "in", "not"}

func (p *parser) test(of node) node {
	t := &test{of: of, not: p.accept("not")}
	name := p.expectName("the name of a test")
	if !isTest(name.text) {
		fail(name.at, source.Suggest(name.text, Tests()), "there is no test %q", name.text)
	}
	t.at, t.name = at(name.at), name.text
	switch {
	case p.accept("("):
		t.args = p.arguments()
	case p.tok.is("[", "{"), p.tok.kind == stringTok, p.tok.kind == numberTok,
		p.tok.kind == nameTok && !p.tok.is(endsTest...):
		t.args.pos = []node{p.postfix(p.primary())}
	}
	return t
}
