package playbook

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/gofab/gofab/internal/expr"
	"github.com/gofab/gofab/internal/source"
)

// Value is a value of the file that remembers where it stands. The zero Value is one that
// is absent. Values are read-only and safe for concurrent use.
type Value struct {
	node *yaml.Node
	file *file
}

// Pair is an entry of a mapping.
type Pair struct {
	Key   string
	Pos   source.Pos // of the key
	Value Value
}

// Fields are the entries of a mapping by key; an absent one is the zero Value.
type Fields map[string]Value

func (f *file) value(n *yaml.Node) Value {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return Value{node: n, file: f}
}

// IsZero tells that the value is absent, which is not the same as null.
func (v Value) IsZero() bool { return v.node == nil }

// IsNull tells that the value is there and empty: null, ~ or nothing after the colon.
func (v Value) IsNull() bool { return v.tag() == "!!null" }

// IsMapping tells that the value is a mapping.
func (v Value) IsMapping() bool { return v.node != nil && v.node.Kind == yaml.MappingNode }

// IsList tells that the value is a list.
func (v Value) IsList() bool { return v.node != nil && v.node.Kind == yaml.SequenceNode }

// IsScalar tells that the value is a single text, number, boolean or null.
func (v Value) IsScalar() bool { return v.node != nil && v.node.Kind == yaml.ScalarNode }

// IsString tells that the value is a text: one in quotes, or one that YAML takes for
// nothing else.
func (v Value) IsString() bool {
	switch v.tag() {
	case "!!str", "!!timestamp":
		return true
	}
	return false
}

// IsBool tells that the value is true or false, without quotes.
func (v Value) IsBool() bool { return v.tag() == "!!bool" }

func (v Value) tag() string {
	if !v.IsScalar() {
		return ""
	}
	return v.node.ShortTag()
}

// KindName says what the value is, for messages: "a mapping", "an integer", "nothing".
func (v Value) KindName() string {
	switch {
	case v.IsMapping():
		return "a mapping"
	case v.IsList():
		return "a list"
	case v.IsZero(), v.IsNull():
		return "nothing"
	case v.IsBool():
		return "a boolean"
	case v.tag() == "!!int":
		return "an integer"
	case v.tag() == "!!float":
		return "a number"
	}
	return "a text"
}

// Pos is where the value's content begins: behind the quote of a quoted text, in the first
// line of a block.
func (v Value) Pos() source.Pos { return v.At(0) }

// Scalar is the text of a scalar as it was written, without quotes: "8" for 8, "" for null.
func (v Value) Scalar() (string, bool) {
	if !v.IsScalar() {
		return "", false
	}
	if v.IsNull() {
		return "", true
	}
	return v.node.Value, true
}

// List is the items of a list, and nil of anything else.
func (v Value) List() []Value {
	if !v.IsList() {
		return nil
	}
	items := make([]Value, len(v.node.Content))
	for i, n := range v.node.Content {
		items[i] = v.file.value(n)
	}
	return items
}

// Pairs is the entries of a mapping in the order of the file, and nil of anything else.
func (v Value) Pairs() []Pair {
	if !v.IsMapping() {
		return nil
	}
	var pairs []Pair
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		key := v.file.value(v.node.Content[i])
		pairs = append(pairs, Pair{Key: key.node.Value, Pos: key.Pos(), Value: v.file.value(v.node.Content[i+1])})
	}
	return pairs
}

// Fields is the entries of a mapping that may hold the known keys only; every other is
// added to errs at its place. A value that is no mapping is a mistake, too; one that is
// absent has no fields.
func (v Value) Fields(errs *source.List, known ...string) Fields {
	fields := Fields{}
	if !v.IsZero() && !v.IsMapping() {
		errs.Add(&source.Error{
			Pos: v.Pos(), Msg: "expected a mapping, found " + v.KindName(),
			Hint: "the keys are " + strings.Join(known, ", "),
		})
	}
	for _, p := range v.Pairs() {
		if !slices.Contains(known, p.Key) {
			errs.Add(unknownKey(p, known))
		}
		fields[p.Key] = p.Value
	}
	return fields
}

// Any is the value as plain Go data: nil, bool, int, float64, string, []any and
// map[string]any. What YAML takes for a date stays the text it was.
func (v Value) Any() (any, error) {
	switch {
	case v.IsZero():
		return nil, nil
	case v.IsMapping():
		m := map[string]any{}
		for _, p := range v.Pairs() {
			item, err := p.Value.Any()
			if err != nil {
				return nil, err
			}
			m[p.Key] = item
		}
		return m, nil
	case v.IsList():
		items := []any{}
		for _, item := range v.List() {
			data, err := item.Any()
			if err != nil {
				return nil, err
			}
			items = append(items, data)
		}
		return items, nil
	}
	return v.scalar()
}

func (v Value) scalar() (any, error) {
	text := v.node.Value
	switch v.tag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		return strings.EqualFold(text, "true"), nil
	case "!!int":
		n, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 0, 64)
		if err != nil {
			return nil, &source.Error{Pos: v.Pos(), Msg: fmt.Sprintf("%s is not a whole number of 64 bits", text), Hint: "put it in quotes to keep it as text"}
		}
		return int(n), nil
	case "!!float":
		var f float64
		if err := v.node.Decode(&f); err != nil {
			return nil, &source.Error{Pos: v.Pos(), Msg: fmt.Sprintf("%s is not a number", text)}
		}
		return f, nil
	}
	return text, nil
}

// Template reads a scalar as a text that may hold {{ }}.
func (v Value) Template(env *expr.Env) (*expr.Template, error) {
	text, ok := v.Scalar()
	if !ok {
		return nil, &source.Error{Pos: v.Pos(), Msg: "expected a text, found " + v.KindName()}
	}
	return expr.Parse(text, v.Pos(), env, expr.At(v.places()))
}

// Condition reads a scalar as a bare expression.
func (v Value) Condition(env *expr.Env) (*expr.Condition, error) {
	text, ok := v.Scalar()
	if !ok {
		return nil, &source.Error{Pos: v.Pos(), Msg: "expected a condition, found " + v.KindName()}
	}
	return expr.ParseCondition(text, v.Pos(), env, expr.At(v.places()))
}
