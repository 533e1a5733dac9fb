package standin

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
)

// item is a row, or the key of one, as DynamoDB's JSON has it.
type item map[string]value

// value is an attribute: one type, such as S or N, and what it holds.
type value map[string]any

func (v value) text() (string, bool)   { s, ok := v["S"].(string); return s, ok }
func (v value) number() (string, bool) { s, ok := v["N"].(string); return s, ok }

// expression is one expression of a request, and the words that it is in.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
type expression struct {
	tokens []string
	names  map[string]string
	values map[string]value
}

var token = regexp.MustCompile(`[#:]?[A-Za-z0-9_]+|<=|>=|<>|[=<>(),+-]`)

func newExpression(text string, in *request) *expression {
	return &expression{token.FindAllString(text, -1), in.ExpressionAttributeNames, in.ExpressionAttributeValues}
}

// next takes the next word; "" at the end.
func (e *expression) next() string {
	if len(e.tokens) == 0 {
		return ""
	}
	word := e.tokens[0]
	e.tokens = e.tokens[1:]
	return word
}

// take takes the next word if it is this one.
func (e *expression) take(word string) bool {
	if len(e.tokens) == 0 || e.tokens[0] != word {
		return false
	}
	e.tokens = e.tokens[1:]
	return true
}

func (e *expression) need(word string) {
	if got := e.next(); got != word {
		panic(invalid("expression has %q in place of %q", got, word))
	}
}

func (e *expression) name(word string) string {
	if name, ok := e.names[word]; ok {
		return name
	}
	if word == "" || strings.ContainsAny(word[:1], "#:") {
		panic(invalid("expression has %q in place of a name", word))
	}
	return word
}

// operand takes a value or an attribute of the row; nil if the row has none.
func (e *expression) operand(row item) value {
	word := e.next()
	if v, ok := e.values[word]; ok {
		return v
	}
	return row[e.name(word)]
}

// holds reports whether a condition holds for a row, nil for none.
func (e *expression) holds(row item) bool {
	if len(e.tokens) == 0 {
		return true
	}
	ok := e.either(row)
	if len(e.tokens) > 0 {
		panic(invalid("condition goes on with %q", e.tokens))
	}
	return ok
}

func (e *expression) either(row item) bool {
	ok := e.both(row)
	for e.take("OR") {
		other := e.both(row)
		ok = ok || other
	}
	return ok
}

func (e *expression) both(row item) bool {
	ok := e.one(row)
	for e.take("AND") {
		other := e.one(row)
		ok = ok && other
	}
	return ok
}

func (e *expression) one(row item) bool {
	switch {
	case e.take("NOT"):
		return !e.one(row)
	case e.take("("):
		defer e.need(")")
		return e.either(row)
	case e.take("attribute_exists"):
		return e.attribute(row) != nil
	case e.take("attribute_not_exists"):
		return e.attribute(row) == nil
	default:
		return e.comparison(row)
	}
}

func (e *expression) attribute(row item) value {
	e.need("(")
	defer e.need(")")
	return row[e.name(e.next())]
}

func (e *expression) comparison(row item) bool {
	left := e.operand(row)
	switch operator := e.next(); operator {
	case "BETWEEN":
		low := e.operand(row)
		e.need("AND")
		high := e.operand(row)
		return compares(left, ">=", low) && compares(left, "<=", high)
	case "IN":
		e.need("(")
		found := false
		for more := true; more; more = e.take(",") {
			found = compares(left, "=", e.operand(row)) || found
		}
		e.need(")")
		return found
	default:
		return compares(left, operator, e.operand(row))
	}
}

// compares reports how two values stand to each other; those of different
// types, or that are not there, do not compare.
func compares(left value, operator string, right value) bool {
	order, ok := compare(left, right)
	switch operator {
	case "=":
		return ok && order == 0
	case "<>":
		return !ok || order != 0
	case "<":
		return ok && order < 0
	case "<=":
		return ok && order <= 0
	case ">":
		return ok && order > 0
	case ">=":
		return ok && order >= 0
	default:
		panic(invalid("the operator %q is not known here", operator))
	}
}

func compare(left, right value) (int, bool) {
	if a, ok := left.text(); ok {
		b, ok := right.text()
		return cmp.Compare(a, b), ok
	}
	a, ok := left.number()
	b, both := right.number()
	if !ok || !both {
		return 0, false
	}
	return rational(a).Cmp(rational(b)), true
}

func rational(number string) *big.Rat {
	r, ok := new(big.Rat).SetString(number)
	if !ok {
		panic(invalid("%q is no number", number))
	}
	return r
}

// update returns a row as an update expression leaves it.
func (e *expression) update(row item) item {
	row = maps.Clone(row)
	if row == nil {
		row = item{}
	}
	for len(e.tokens) > 0 {
		clause := e.next()
		for more := true; more; more = e.take(",") {
			name := e.name(e.next())
			switch clause {
			case "SET":
				e.need("=")
				row[name] = e.assigned(row)
			case "ADD":
				row[name] = sum(row[name], e.operand(row))
			case "REMOVE":
				delete(row, name)
			default:
				panic(invalid("the clause %q is not known here", clause))
			}
		}
	}
	return row
}

// assigned takes what SET sets: an operand, the first that is there of
// if_not_exists, or the sum of two.
func (e *expression) assigned(row item) value {
	term := func() value {
		if !e.take("if_not_exists") {
			return e.operand(row)
		}
		e.need("(")
		defer e.need(")")
		there := row[e.name(e.next())]
		e.need(",")
		if other := e.operand(row); there == nil {
			return other
		}
		return there
	}
	v := term()
	if e.take("+") {
		return sum(v, term())
	}
	return v
}

// sum adds numbers; one that is not there counts as 0.
func sum(a, b value) value {
	total := new(big.Rat)
	for _, v := range []value{a, b} {
		if v == nil {
			continue
		}
		n, ok := v.number()
		if !ok {
			panic(invalid("only numbers can be added, not %v", v))
		}
		total.Add(total, rational(n))
	}
	return value{"N": strings.TrimSuffix(total.FloatString(0), ".")}
}

// sortedBy returns rows in the order of their sort key.
func sortedBy(rows []item, key string, descending bool) []item {
	slices.SortFunc(rows, func(a, b item) int {
		order, _ := compare(a[key], b[key])
		if descending {
			return -order
		}
		return order
	})
	return rows
}

// answered runs work and returns the problem that it panicked with: inside an
// expression a wrong word ends everything, and there are many places for one.
func answered(work func() any) (answer any, wrong *problem) {
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case *problem:
			wrong = cause
		default:
			panic(fmt.Sprint(cause))
		}
	}()
	return work(), nil
}
