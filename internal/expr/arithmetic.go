package expr

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strings"
)

// maxText bounds what one expression can build: a slip such as "x" * 10 ** 9 is an error and
// not the end of the controller's memory.
const maxText = 64 << 20

var errOverflow = errors.New("the result does not fit into 64 bits")

// arithmetic is Python's + - * / // % ** on two values.
func arithmetic(op string, a, b any) (any, error) {
	a, b = plain(a), plain(b)
	if v, ok, err := onSequences(op, a, b); ok {
		return v, err
	}
	x, xok := number(a)
	y, yok := number(b)
	if !xok || !yok {
		return nil, unsuited(op, a, b)
	}
	i, iok := x.(int)
	j, jok := y.(int)
	if iok && jok && op != "/" && (op != "**" || j >= 0) {
		return onInts(op, i, j)
	}
	return onFloats(op, toFloat(x), toFloat(y))
}

func unsuited(op string, a, b any) error {
	_, text := a.(string)
	_, also := b.(string)
	hint := ""
	switch {
	case op == "+" && (text || also):
		hint = "; ~ joins as text, | int makes a number of a string"
	case text || also:
		hint = "; | int makes a number of a string"
	}
	return fmt.Errorf("%s %s %s does not work%s", typeName(a), op, typeName(b), hint)
}

// onSequences joins and repeats texts and lists, and fills in "%d" % n.
func onSequences(op string, a, b any) (v any, ok bool, err error) {
	switch a := a.(type) {
	case string:
		switch b := b.(type) {
		case string:
			if op == "+" {
				return a + b, true, nil
			}
		case int:
			if op == "*" {
				if b > 0 && len(a) > maxText/b {
					return nil, true, errors.New("the text would be too long")
				}
				return strings.Repeat(a, max(b, 0)), true, nil
			}
		}
		if op == "%" {
			args, isList := b.([]any)
			if !isList {
				args = []any{b}
			}
			s, err := printf(a, args)
			return s, true, err
		}
	case []any:
		if b, isList := b.([]any); isList && op == "+" {
			return append(append(make([]any, 0, len(a)+len(b)), a...), b...), true, nil
		}
	}
	return nil, false, nil
}

func onInts(op string, a, b int) (any, error) {
	switch op {
	case "+":
		if s := a + b; (s > a) == (b > 0) {
			return s, nil
		}
	case "-":
		if d := a - b; (d < a) == (b > 0) {
			return d, nil
		}
	case "*":
		if p, ok := multiply(a, b); ok {
			return p, nil
		}
	case "//", "%":
		if b == 0 {
			return nil, errors.New("division by zero")
		}
		if a == math.MinInt && b == -1 {
			return nil, errOverflow
		}
		quotient, rest := a/b, a%b
		if rest != 0 && (rest < 0) != (b < 0) {
			quotient, rest = quotient-1, rest+b
		}
		if op == "//" {
			return quotient, nil
		}
		return rest, nil
	case "**":
		return intPower(a, b)
	}
	return nil, errOverflow
}

func multiply(a, b int) (int, bool) {
	if a == 0 || b == 0 {
		return 0, true
	}
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	limit := uint64(math.MaxInt)
	if (a < 0) != (b < 0) {
		limit++
	}
	return a * b, hi == 0 && lo <= limit
}

func magnitude(n int) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

func intPower(base, exp int) (any, error) {
	if base == 0 || base == 1 {
		return onUnit(base, exp), nil
	}
	if base == -1 {
		return 1 - 2*(exp%2), nil
	}
	result := 1
	for range exp { // ends after 63 rounds at the latest: |base| is 2 or more
		var ok bool
		if result, ok = multiply(result, base); !ok {
			return nil, errOverflow
		}
	}
	return result, nil
}

func onUnit(base, exp int) int {
	if exp == 0 {
		return 1
	}
	return base
}

func onFloats(op string, a, b float64) (any, error) {
	if b == 0 && (op == "/" || op == "//" || op == "%") || a == 0 && b < 0 && op == "**" {
		return nil, errors.New("division by zero")
	}
	switch op {
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	case "/":
		return a / b, nil
	case "//":
		return math.Floor(a / b), nil
	case "%":
		rest := math.Mod(a, b)
		if rest != 0 && (rest < 0) != (b < 0) {
			rest += b
		}
		return rest, nil
	}
	return math.Pow(a, b), nil
}
