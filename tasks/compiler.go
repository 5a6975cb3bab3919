package tasks

import (
	"io/fs"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofab/gofab/internal/expr"
	"github.com/gofab/gofab/internal/playbook"
	"github.com/gofab/gofab/internal/source"
	"github.com/gofab/gofab/runner"
)

// compiler is what the kinds compile with. Its methods report what is wrong and return something
// harmless, so that compiling goes on to the next mistake.
type compiler struct {
	errs       *source.List
	book       *playbook.Book
	vars       map[string]any
	lazy       *expr.Env
	registers  map[string]*playbook.Step // by the steps so far
	perHost    map[string]bool           // those of them that hold a result for each host
	opt        Options
	in         *playbook.Step // being compiled
	provisions *playbook.Step // the one that does
	scrams     *playbook.Step // the one that does, unconditionally
	hostsThere bool
	several    bool // the provision step makes more than one
	onHosts    bool // in has a doing for each host, so conditions can mention index and host
	badFields  bool // in has fields that were reported
	putsMiner  bool
	queue      playbook.Value // the existing one that provision names
	announces  bool           // a race uses the queue
	madeFiles  bool           // an earlier step may have made local files
	budget     float64        // of the play; 0: none
}

// text reads a text whose variables are known when the step runs.
func (c *compiler) text(v playbook.Value) *expr.Template {
	t := c.template(v)
	c.check(t.AllNames())
	return t
}

// template reads a text without a look at what it mentions; of a mistake it makes an empty one.
func (c *compiler) template(v playbook.Value) *expr.Template {
	if v.IsZero() {
		return expr.Literal("")
	}
	t, err := v.Template(c.lazy)
	if err != nil {
		c.errs.AddAll(err)
		return expr.Literal("")
	}
	return t
}

// differs tells whether a name means something else on each host: index and host, and what a
// step has registered on every one of them.
func (c *compiler) differs(n expr.Name) bool {
	root := n.Root()
	if c.perHost[root] {
		return len(n.Path) > 1 && !slices.Contains(sharedFields, n.Path[1])
	}
	return root == "index" || root == "host"
}

// required reads a text that must be there; where the fields are wrong otherwise, that is enough.
func (c *compiler) required(f playbook.Fields, key string, of playbook.Value) *expr.Template {
	v := f[key]
	if text, ok := v.Scalar(); v.IsZero() || ok && strings.TrimSpace(text) == "" {
		pos := of.Pos()
		if of.IsZero() || of.IsNull() {
			pos = c.in.Pos
		}
		if !c.badFields {
			c.errs.Addf(pos, "%s needs %s", c.in.Kind, key)
		}
		return expr.Literal("")
	}
	return c.text(v)
}

// settled gives the value of something that must be known before the run.
func (c *compiler) settled(v playbook.Value) (any, bool) {
	if v.IsZero() {
		return nil, false
	}
	if !v.IsScalar() || !v.IsString() {
		x, err := v.Any()
		c.errs.AddAll(err)
		return x, err == nil
	}
	t := c.template(v)
	known := true
	for _, n := range t.AllNames() {
		if _, settled := c.vars[n.Root()]; settled || n.Optional {
			continue
		}
		known = false
		if slices.Contains(Builtins, n.Root()) || c.registers[n.Root()] != nil {
			c.errs.Addf(n.Pos, "%s is known only while the play runs; this must be known before: it may mention vars", n.Root())
			continue
		}
		c.unknown(n)
	}
	if !known {
		return nil, false
	}
	x, err := t.Value(c.vars)
	c.errs.AddAll(err)
	return x, err == nil
}

func (c *compiler) settledText(v playbook.Value) string {
	x, ok := c.settled(v)
	if !ok || x == nil {
		return ""
	}
	switch x := x.(type) {
	case string:
		return x
	case bool:
		return strconv.FormatBool(x)
	case int:
		return strconv.Itoa(x)
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	c.errs.Addf(v.Pos(), "expected a text, not %s", v.KindName())
	return ""
}

// integer reads a whole number not below least; key is what the value stands under.
func (c *compiler) integer(key string, v playbook.Value, absent, least int) int {
	x, ok := c.settled(v)
	if !ok {
		return absent
	}
	n, err := 0, error(nil)
	switch x := x.(type) {
	case int:
		n = x
	case string:
		n, err = strconv.Atoi(strings.TrimSpace(x))
	default:
		err = strconv.ErrSyntax
	}
	switch {
	case err != nil:
		c.errs.Addf(v.Pos(), "%s is a whole number, not %s", key, found(v, x))
		return absent
	case n < least:
		c.errs.Addf(v.Pos(), "%s is a whole number from %d up, not %d", key, least, n)
		return absent
	}
	return n
}

func (c *compiler) boolean(key string, v playbook.Value, absent bool) bool {
	x, ok := c.settled(v)
	if !ok {
		return absent
	}
	switch x := x.(type) {
	case bool:
		return x
	case string:
		switch strings.ToLower(x) {
		case "true", "yes", "on":
			return true
		case "false", "no", "off":
			return false
		}
	}
	c.errs.Addf(v.Pos(), "%s is true or false, not %s", key, found(v, x))
	return absent
}

// share reads a number between 0 and 1, neither included.
func (c *compiler) share(key string, v playbook.Value, absent float64) float64 {
	x, ok := c.settled(v)
	if !ok {
		return absent
	}
	f := math.NaN()
	switch x := x.(type) {
	case float64:
		f = x
	case string:
		f, _ = strconv.ParseFloat(strings.TrimSpace(x), 64)
	}
	if !(f > 0 && f < 1) {
		c.errs.Addf(v.Pos(), "%s is a number between 0 and 1, such as 0.95, not %s", key, found(v, x))
		return absent
	}
	return f
}

// positive reads a number above 0; 0 means that there is none.
func (c *compiler) positive(key string, v playbook.Value) float64 {
	x, ok := c.settled(v)
	if !ok || x == "" {
		return 0
	}
	f := math.NaN()
	switch x := x.(type) {
	case int:
		f = float64(x)
	case float64:
		f = x
	case string:
		f, _ = strconv.ParseFloat(strings.TrimSpace(x), 64)
	}
	if !(f > 0) || math.IsInf(f, 0) {
		c.errs.Addf(v.Pos(), "%s is a number above 0, such as 0.25, not %s", key, found(v, x))
		return 0
	}
	return f
}

// duration reads seconds, as a number, or a number with units (90s, 1h30m, 500ms).
func (c *compiler) duration(key string, v playbook.Value, absent time.Duration) time.Duration {
	x, ok := c.settled(v)
	if !ok {
		return absent
	}
	seconds := math.NaN()
	switch x := x.(type) {
	case int:
		seconds = float64(x)
	case float64:
		seconds = x
	case string:
		if d, err := time.ParseDuration(strings.TrimSpace(x)); err == nil {
			seconds = d.Seconds()
		} else if f, err := strconv.ParseFloat(strings.TrimSpace(x), 64); err == nil {
			seconds = f
		}
	}
	if math.IsNaN(seconds) || seconds < 0 || seconds > 365*24*3600 {
		c.errs.Add(&source.Error{Pos: v.Pos(), Msg: key + " is a duration, not " + found(v, x), Hint: "write seconds (200) or units (90s, 1h30m, 500ms), a year at the most"})
		return absent
	}
	return time.Duration(seconds * float64(time.Second))
}

// mode reads permission bits as people write them: "0755" or 0755, which YAML makes a number of.
func (c *compiler) mode(v playbook.Value) fs.FileMode {
	if v.IsZero() {
		return 0
	}
	text, scalar := v.Scalar()
	if !scalar {
		c.errs.Addf(v.Pos(), `mode is permission bits such as "0755", not %s`, v.KindName())
		return 0
	}
	if v.IsString() {
		text = c.settledText(v)
	}
	bits, err := strconv.ParseUint(strings.TrimPrefix(text, "0o"), 8, 32)
	if err != nil || bits == 0 || bits > 0o777 {
		c.errs.Addf(v.Pos(), `mode is permission bits such as "0755", not %s`, quoted(text))
		return 0
	}
	return fs.FileMode(bits)
}

// condition reads a bare expression; more are names that it may mention besides the usual ones.
func (c *compiler) condition(v playbook.Value, more ...string) runner.Condition {
	if v.IsZero() {
		return nil
	}
	cond, err := v.Condition(c.lazy)
	if err != nil {
		c.errs.AddAll(err)
		return nil
	}
	names := cond.AllNames()
	c.check(names, more...)
	for _, n := range names {
		if !c.onHosts && c.differs(n) && !slices.Contains(more, n.Root()) {
			c.errs.Addf(n.Pos, "%s differs from host to host, and %s is done once, on the controller", n, c.in.Kind)
		}
	}
	if !slices.ContainsFunc(names, func(n expr.Name) bool { _, settled := c.vars[n.Root()]; return !settled }) {
		_, err := cond.Eval(c.vars) // what is wrong with it is known now
		c.errs.AddAll(err)
	}
	return func(s runner.Scope) (bool, error) { return cond.Eval(s) }
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// registerName reads register:, which must not hide another name.
func (c *compiler) registerName(in *playbook.Step) string {
	v := in.Register
	if v.IsZero() {
		return ""
	}
	name, scalar := v.Scalar()
	_, isVar := c.vars[name]
	_, isLazy := c.lazy.Vars[name]
	switch {
	case !scalar:
		c.errs.Addf(v.Pos(), "register takes a name, not %s", v.KindName())
	case !identifier.MatchString(name) || slices.Contains(expr.Keywords(), name):
		c.errs.Addf(v.Pos(), "register takes a name made of letters, digits and _, not %s", quoted(name))
	case slices.Contains(Builtins, name) || slices.Contains([]string{"rc", "stdout", "stderr"}, name):
		c.errs.Addf(v.Pos(), "register: %s would hide the built-in of that name", name)
	case isVar || isLazy:
		c.errs.Addf(v.Pos(), "register: %s would hide the variable of that name", name)
	default:
		return name
	}
	return ""
}
