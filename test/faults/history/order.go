package history

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

const (
	// mostLinearized is up to how many creates of a collection porcupine is
	// asked as well: its search may take exponential time.
	mostLinearized = 1000
	// linearizeWithin bounds its search in one collection.
	linearizeWithin = time.Second
)

// checkOrder finds creates that have a lower number than one that was answered
// before they began. Numbers being unique, there is none exactly where the
// counter is linearizable: the only order in which it can have given the
// numbers out is that of the numbers. Porcupine, which knows nothing of this,
// says the same.
func (h *collection) checkOrder(r *Report, acknowledged []*create) {
	broken := overtaken(acknowledged)
	r.OutOfOrder += len(broken)
	for _, pair := range broken {
		h.violated(r, Ordered, fmt.Sprintf("%d came before %d", pair.earlier.first.Number, pair.later.first.Number), pair.earlier.first, pair.later.first)
	}
	if len(broken) == 0 && len(acknowledged) <= mostLinearized && linearizable(acknowledged) == porcupine.Illegal {
		h.violated(r, Ordered, "porcupine finds no order of the creates")
	}
}

type pair struct{ earlier, later *create }

// overtaken returns each create that has a lower number than one that ended
// before it began, with the one of these that ended last, closest first.
func overtaken(creates []*create) (broken []pair) {
	byBegin, byEnd := slices.Clone(creates), slices.Clone(creates)
	slices.SortFunc(byBegin, func(a, b *create) int { return cmp.Compare(a.begin, b.begin) })
	slices.SortFunc(byEnd, func(a, b *create) int { return cmp.Compare(a.first.End, b.first.End) })
	var highest *create // of those that have ended
	ended := 0
	for _, c := range byBegin {
		for ; ended < len(byEnd) && byEnd[ended].first.End < c.begin; ended++ {
			if highest == nil || byEnd[ended].first.Number > highest.first.Number {
				highest = byEnd[ended]
			}
		}
		if highest != nil && highest.first.Number > c.first.Number {
			broken = append(broken, pair{lastAbove(byEnd[:ended], c.first.Number), c})
		}
	}
	slices.SortStableFunc(broken, func(a, b pair) int {
		return cmp.Compare(a.later.begin-a.earlier.first.End, b.later.begin-b.earlier.first.End)
	})
	return broken
}

// lastAbove returns the last create with a number above this one.
func lastAbove(byEnd []*create, number int64) *create {
	for _, c := range slices.Backward(byEnd) {
		if c.first.Number > number {
			return c
		}
	}
	return nil
}

// counter is one that may leave numbers out: creates whose answer nobody saw
// took them.
var counter = porcupine.Model{
	Init: func() any { return int64(0) },
	Step: func(state, _, output any) (bool, any) { return output.(int64) > state.(int64), output },
}

func linearizable(creates []*create) porcupine.CheckResult {
	operations := make([]porcupine.Operation, len(creates))
	for i, c := range creates {
		operations[i] = porcupine.Operation{ClientId: c.first.Client, Call: int64(c.begin), Output: c.first.Number, Return: int64(c.first.End)}
	}
	return porcupine.CheckOperationsTimeout(counter, operations, linearizeWithin)
}
