package expr

// node is an expression. Its offset is where it, or its operator, stands in the text.
type node interface{ offset() int }

type at int

func (a at) offset() int { return int(a) }

type (
	literal struct {
		at
		val any
	}
	variable struct {
		at
		name string
	}
	// member is of.name; its offset is that of the name.
	member struct {
		at
		of   node
		name string
	}
	// item is of[key].
	item struct {
		at
		of, key node
	}
	// slice is of[from:to:step]; what is absent is nil.
	slice struct {
		at
		of, from, to, step node
	}
	call struct {
		at
		fn   node
		args args
	}
	filter struct {
		at
		of   node
		name string
		args args
	}
	test struct {
		at
		of   node
		name string
		args args
		not  bool
	}
	unary struct {
		at
		op string
		of node
	}
	binary struct {
		at
		op          string
		left, right node
	}
	// comparison is a chain as in 1 < x <= 5: it holds when each link does.
	comparison struct {
		at
		first node
		links []link
	}
	inlineIf struct {
		at
		then, cond, els node // els is nil when there is no else
	}
	list struct {
		at
		items []node
	}
	dict struct {
		at
		keys, vals []node
	}
)

type link struct {
	op    string // == != < <= > >= in, not in
	right node
	at    int
}

type args struct {
	pos   []node
	names []string // of kw, in order
	kw    []node
}

// stmt is a piece of a template.
type stmt any

type (
	verbatim struct{ text string }
	output   struct{ expr node }
	ifStmt   struct {
		conds  []node
		bodies [][]stmt // one more than conds when there is an else
	}
	forStmt struct {
		at
		targets     []string
		iter, cond  node // cond is nil when there is no if
		body, empty []stmt
	}
	setStmt struct {
		at
		name string
		expr node   // nil for the block form,
		body []stmt // whose rendering is the value
	}
	macroStmt struct {
		at
		name     string
		params   []string
		defaults []node // nil where a parameter has none
		body     []stmt
	}
)
