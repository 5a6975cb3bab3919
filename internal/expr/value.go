package expr

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nikolalohinski/gonja/v2/exec"
)

// Values are nil, bool, int, float64, string, []any and map[string]any, and inside of the
// evaluator a *macro or what a gonja filter made. The functions here give them Python's
// behaviour.

// plain turns what Go code put into a scope, or gonja gave back, into such a value. Only the
// outer layer is converted; what is inside is when it is reached.
func plain(v any) any {
	switch v := v.(type) {
	case nil, bool, int, float64, string, []any, map[string]any, *macro:
		return v
	case *exec.Value:
		if v == nil {
			return nil
		}
		return plain(v.Interface())
	case *exec.Dict:
		m := make(map[string]any, len(v.Pairs))
		for _, p := range v.Pairs {
			m[str(plain(p.Key))] = p.Value
		}
		return m
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return int(i)
		}
		f, _ := v.Float64()
		return f
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	}
	return reflected(reflect.ValueOf(v))
}

func reflected(rv reflect.Value) any {
	switch rv.Kind() {
	case reflect.Pointer, reflect.Interface:
		if rv.IsNil() {
			return nil
		}
		return plain(rv.Elem().Interface())
	case reflect.Bool:
		return rv.Bool()
	case reflect.String:
		return rv.String()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return int(rv.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if rv.Uint() > math.MaxInt {
			return float64(rv.Uint())
		}
		return int(rv.Uint())
	case reflect.Float32, reflect.Float64:
		return rv.Float()
	case reflect.Slice, reflect.Array:
		items := make([]any, rv.Len())
		for i := range items {
			items[i] = rv.Index(i).Interface()
		}
		return items
	case reflect.Map:
		m := make(map[string]any, rv.Len())
		for it := rv.MapRange(); it.Next(); {
			m[str(plain(it.Key().Interface()))] = it.Value().Interface()
		}
		return m
	}
	return fmt.Sprint(rv.Interface())
}

// deep is plain all the way down.
func deep(v any) any {
	switch v := plain(v).(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = deep(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			out[k] = deep(v[k])
		}
		return out
	default:
		return v
	}
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// truth is Python's bool().
func truth(v any) bool {
	switch v := plain(v).(type) {
	case nil:
		return false
	case bool:
		return v
	case int:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}

// str is Python's str().
func str(v any) string {
	if s, ok := plain(v).(string); ok {
		return s
	}
	return repr(v)
}

// repr is Python's repr(): what a list shows of its items.
func repr(v any) string {
	switch v := plain(v).(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case int:
		return strconv.Itoa(v)
	case float64:
		return reprFloat(v)
	case string:
		return reprString(v)
	case []any:
		items := make([]string, len(v))
		for i := range v {
			items[i] = repr(v[i])
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		items := make([]string, 0, len(v))
		for _, k := range sortedKeys(v) {
			items = append(items, reprString(k)+": "+repr(v[k]))
		}
		return "{" + strings.Join(items, ", ") + "}"
	case *macro:
		return "<macro " + v.def.name + ">"
	default:
		return fmt.Sprint(v)
	}
}

func reprFloat(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func reprString(s string) string {
	quote := "'"
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = `"`
	}
	var b strings.Builder
	b.WriteString(quote)
	for i, r := range s {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\\' || string(r) == quote:
			b.WriteString(`\` + string(r))
		case r == utf8.RuneError && s[i] != "\ufffd"[0]:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		case !unicode.IsPrint(r) && r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + quote
}

// typeName is the word for v's type in a message, with its article.
func typeName(v any) string {
	switch plain(v).(type) {
	case nil:
		return "None"
	case bool:
		return "a boolean"
	case int:
		return "an integer"
	case float64:
		return "a float"
	case string:
		return "a string"
	case []any:
		return "a list"
	case map[string]any:
		return "a mapping"
	case *macro:
		return "a macro"
	}
	return "a value of another kind"
}

// number gives an int or a float64; a bool counts as 0 or 1, as in Python.
func number(v any) (any, bool) {
	switch v := plain(v).(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case int, float64:
		return v, true
	}
	return nil, false
}

func toFloat(n any) float64 {
	if i, ok := n.(int); ok {
		return float64(i)
	}
	f, _ := n.(float64)
	return f
}

func equal(a, b any) bool {
	a, b = plain(a), plain(b)
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && compareNumbers(x, y) == 0
	}
	switch a := a.(type) {
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, equal)
	case nil:
		return b == nil
	case string:
		s, ok := b.(string)
		return ok && a == s
	}
	return false
}

// compareNumbers is exact where both are integers.
func compareNumbers(x, y any) int {
	i, iok := x.(int)
	j, jok := y.(int)
	if iok && jok {
		return cmp.Compare(i, j)
	}
	f, g := toFloat(x), toFloat(y)
	if math.IsNaN(f) || math.IsNaN(g) {
		return -2 // unordered: neither equal nor greater
	}
	return cmp.Compare(f, g)
}

// order compares what can be ordered: numbers, strings, and lists of such.
func order(a, b any) (int, bool) {
	a, b = plain(a), plain(b)
	if x, ok := number(a); ok {
		y, ok := number(b)
		if !ok {
			return 0, false
		}
		return compareNumbers(x, y), true
	}
	switch a := a.(type) {
	case string:
		s, ok := b.(string)
		return strings.Compare(a, s), ok
	case []any:
		s, ok := b.([]any)
		if !ok {
			return 0, false
		}
		for i := range min(len(a), len(s)) {
			if equal(a[i], s[i]) {
				continue
			}
			return order(a[i], s[i])
		}
		return cmp.Compare(len(a), len(s)), true
	}
	return 0, false
}

// contains is Python's in; ok is false where it makes no sense.
func contains(container, v any) (found, ok bool) {
	switch c := plain(container).(type) {
	case string:
		s, ok := plain(v).(string)
		return ok && strings.Contains(c, s), ok
	case []any:
		return slices.ContainsFunc(c, func(item any) bool { return equal(item, v) }), true
	case map[string]any:
		_, found := c[str(v)]
		return found, true
	}
	return false, false
}
