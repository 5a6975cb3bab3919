package expr

import (
	"slices"
	"strings"

	"github.com/gofab/gofab/internal/source"
)

// document reads a template: text, and between it {{ }}, {% %} and {# #}.
type document struct {
	text  string
	pos   int
	trim  bool // the tag before ended in a minus sign: the text begins without blanks
	depth int
}

func parseTemplate(text string) []stmt {
	d := &document{text: text}
	body, end := d.body()
	if end != nil {
		fail(end.at, "", "nothing opened this %s", end.text)
	}
	return body
}

// refused are statements of Jinja that have no place in a playbook.
var refused = []string{
	"include", "import", "from", "extends", "block", "autoescape", "call", "filter",
	"with", "do", "trans", "break", "continue",
}

var statements = []string{"if", "for", "set", "macro", "raw"}

// closers are the tags that end a body; whoever opened it knows which it wants.
var closers = []string{"elif", "else", "endif", "endfor", "endset", "endmacro", "endraw"}

// closer is a tag that ends a body, with the parser that stands behind its name.
type closer struct {
	token
	p *parser
}

// body reads up to a tag that ends a body, or to the end of the text (nil).
func (d *document) body() ([]stmt, *closer) {
	if d.depth++; d.depth > maxNesting {
		fail(d.pos, "", "statements are nested too deep")
	}
	defer func() { d.depth-- }()
	var body []stmt
	for {
		start := d.nextTag()
		body = d.appendText(body, start)
		if start == len(d.text) {
			return body, nil
		}
		switch d.text[start+1] {
		case '#':
			d.comment(start)
		case '{':
			p := d.code(start, "}}")
			if p.tok.kind == endTok {
				fail(start, "", "there is nothing between these braces")
			}
			expr := p.expression()
			d.close(p)
			body = append(body, &output{expr: expr})
		case '%':
			p := d.code(start, "%}")
			name := p.expectName("the name of a statement")
			if slices.Contains(closers, name.text) {
				return body, &closer{token: name, p: p}
			}
			body = d.statement(body, name, p)
		}
	}
}

// nextTag is the offset of the next tag, or of the end. A {# behind a dollar sign is no
// comment but a shell's ${#name}.
func (d *document) nextTag() int {
	for i := d.pos; ; i++ {
		j := strings.IndexByte(d.text[i:], '{')
		if j < 0 || i+j+1 >= len(d.text) {
			return len(d.text)
		}
		i += j
		switch d.text[i+1] {
		case '{', '%':
			return i
		case '#':
			if i == 0 || d.text[i-1] != '$' {
				return i
			}
		}
	}
}

func (d *document) appendText(body []stmt, to int) []stmt {
	text := d.text[d.pos:to]
	if d.trim {
		text = strings.TrimLeft(text, " \t\r\n")
	}
	if to+2 < len(d.text) && d.text[to+2] == '-' {
		text = strings.TrimRight(text, " \t\r\n")
	}
	d.pos, d.trim = to, false
	if text == "" {
		return body
	}
	return append(body, &verbatim{text: text})
}

func (d *document) comment(start int) {
	n := strings.Index(d.text[start+2:], "#}")
	if n < 0 {
		fail(start, `for a {# that is text write {{ "{#" }}`, "this comment is never closed with #}")
	}
	d.trim = d.text[start+2+max(n-1, 0)] == '-' && n > 0
	d.pos = start + 2 + n + 2
}

// code begins to read a tag.
func (d *document) code(start int, end string) *parser {
	pos := start + 2
	if pos < len(d.text) && (d.text[pos] == '-' || d.text[pos] == '+' && end == "%}") {
		pos++
	}
	return newParser(&scanner{text: d.text, pos: pos, end: end, opened: start})
}

// close ends the tag and goes on behind it.
func (d *document) close(p *parser) {
	p.expectEnd()
	s := p.scan
	d.trim = s.text[s.pos] == '-'
	d.pos = s.pos + s.closing()
}

func (d *document) statement(body []stmt, name token, p *parser) []stmt {
	switch name.text {
	case "if":
		return append(body, d.ifStatement(name, p))
	case "for":
		return append(body, d.forStatement(name, p))
	case "set":
		return append(body, d.setStatement(name, p))
	case "macro":
		return append(body, d.macroStatement(name, p))
	case "raw":
		return append(body, d.raw(name, p))
	}
	if slices.Contains(refused, name.text) {
		fail(name.at, "statements are "+strings.Join(statements, ", "), "a playbook has no {%% %s %%}", name.text)
	}
	fail(name.at, source.Suggest(name.text, append(slices.Clone(statements), closers...)), "there is no statement %q", name.text)
	panic("unreachable")
}

// block reads a body that must end in one of the tags.
func (d *document) block(opened token, ends ...string) ([]stmt, *closer) {
	body, end := d.body()
	if end == nil {
		fail(opened.at, "", "this {%% %s %%} is never closed with {%% %s %%}", opened.text, ends[len(ends)-1])
	}
	if !slices.Contains(ends, end.text) {
		fail(end.at, "", "expected {%% %s %%}, found {%% %s %%}", ends[len(ends)-1], end.text)
	}
	return body, end
}

func (d *document) ifStatement(name token, p *parser) stmt {
	s := &ifStmt{conds: []node{p.expression()}}
	d.close(p)
	ends := []string{"elif", "else", "endif"}
	for {
		body, end := d.block(name, ends...)
		s.bodies = append(s.bodies, body)
		switch end.text {
		case "elif":
			s.conds = append(s.conds, end.p.expression())
		case "else":
			ends = ends[2:]
		}
		d.close(end.p)
		if end.text == "endif" {
			return s
		}
	}
}

func (d *document) forStatement(name token, p *parser) stmt {
	s := &forStmt{at: at(name.at), targets: []string{d.target(p)}}
	for p.accept(",") {
		s.targets = append(s.targets, d.target(p))
	}
	p.expect("in")
	s.iter = p.or()
	if p.accept("if") {
		s.cond = p.expression()
	}
	d.close(p)
	body, end := d.block(name, "else", "endfor")
	s.body = body
	d.close(end.p)
	if end.text == "else" {
		s.empty, end = d.block(name, "endfor")
		d.close(end.p)
	}
	return s
}

func (d *document) target(p *parser) string {
	t := p.expectName("the name of a variable")
	if slices.Contains(Keywords(), t.text) {
		fail(t.at, "", "%q cannot name a variable", t.text)
	}
	return t.text
}

func (d *document) setStatement(name token, p *parser) stmt {
	s := &setStmt{at: at(name.at), name: d.target(p)}
	if p.accept("=") {
		s.expr = p.expression()
		d.close(p)
		return s
	}
	d.close(p)
	body, end := d.block(name, "endset")
	s.body = body
	d.close(end.p)
	return s
}

func (d *document) macroStatement(name token, p *parser) stmt {
	s := &macroStmt{at: at(name.at), name: d.target(p)}
	p.expect("(")
	for !p.accept(")") {
		s.params = append(s.params, d.target(p))
		var def node
		if p.accept("=") {
			def = p.expression()
		}
		s.defaults = append(s.defaults, def)
		if !p.accept(",") {
			p.expect(")")
			break
		}
	}
	d.close(p)
	body, end := d.block(name, "endmacro")
	s.body = body
	d.close(end.p)
	return s
}

// raw takes everything up to endraw as it stands.
func (d *document) raw(name token, p *parser) stmt {
	d.close(p)
	from := d.pos
	trim := d.trim
	for i := from; ; i += 2 {
		j := strings.Index(d.text[i:], "{%")
		if j < 0 {
			fail(name.at, "", "this {%% raw %%} is never closed with {%% endraw %%}")
		}
		i += j
		inner := strings.TrimLeft(strings.TrimLeft(d.text[i+2:], "-+"), " \t\r\n")
		if !strings.HasPrefix(inner, "endraw") {
			continue
		}
		text := d.text[from:i]
		if trim {
			text = strings.TrimLeft(text, " \t\r\n")
		}
		if d.text[i+2] == '-' {
			text = strings.TrimRight(text, " \t\r\n")
		}
		end := d.code(i, "%}")
		end.expectName("endraw")
		d.close(end)
		return &raw{text: text}
	}
}

// raw is verbatim text that had to be marked as such; it makes a template not constant.
type raw struct{ text string }
