package history

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

const (
	// linearizedLimit is up to how many creates of a collection porcupine is
	// asked as well: its search may take exponential time.
	linearizedLimit = 1000
	// linearizeWithin bounds its search in one collection.
	linearizeWithin = time.Second
)

// checkOrder finds creates that have a lower number than one that was known
// before they began. Numbers being unique, there is none exactly if the counter
// is linearizable: the only order in which it can have allocated the numbers is
// that of the numbers. Porcupine, which knows nothing of this, says the same.
func (h *collection) checkOrder(r *Report) {
	var numbered []*create
	for _, c := range h.creates {
		if c.number != 0 {
			numbered = append(numbered, c)
		}
	}
	broken := overtaken(numbered)
	r.OutOfOrder += len(broken)
	for _, pair := range broken {
		earlier, later := pair.earlier, pair.later
		h.violated(r, Ordered, fmt.Sprintf("%d came before %d", earlier.number, later.number), earlier.request(), later.request())
	}
	if len(broken) == 0 && len(numbered) <= linearizedLimit && linearizable(numbered) == porcupine.Illegal {
		h.violated(r, Ordered, "porcupine finds no order of the creates")
	}
}

type pair struct{ earlier, later *create }

// overtaken returns each create that has a lower number than one that was known
// before it began, with the one of these that became known last, closest first.
func overtaken(creates []*create) (broken []pair) {
	byBegin, byKnown := slices.Clone(creates), slices.Clone(creates)
	slices.SortFunc(byBegin, func(a, b *create) int { return cmp.Compare(a.begin, b.begin) })
	slices.SortFunc(byKnown, func(a, b *create) int { return cmp.Compare(a.known, b.known) })
	var highest *create // of those that are known
	known := 0
	for _, c := range byBegin {
		for ; known < len(byKnown) && byKnown[known].known < c.begin; known++ {
			if highest == nil || byKnown[known].number > highest.number {
				highest = byKnown[known]
			}
		}
		if highest != nil && highest.number > c.number {
			broken = append(broken, pair{lastAbove(byKnown[:known], c.number), c})
		}
	}
	slices.SortStableFunc(broken, func(a, b pair) int {
		return cmp.Compare(a.later.begin-a.earlier.known, b.later.begin-b.earlier.known)
	})
	return broken
}

// lastAbove returns the last create with a number above this one.
func lastAbove(byKnown []*create, number int64) *create {
	for _, c := range slices.Backward(byKnown) {
		if c.number > number {
			return c
		}
	}
	return nil
}

// counter is one that may leave numbers out: creates that nobody knows of
// allocated them.
var counter = porcupine.Model{
	Init: func() any { return int64(0) },
	Step: func(state, _, output any) (bool, any) { return output.(int64) > state.(int64), output },
}

func linearizable(creates []*create) porcupine.CheckResult {
	operations := make([]porcupine.Operation, len(creates))
	for i, c := range creates {
		operations[i] = porcupine.Operation{ClientId: i, Call: int64(c.begin), Output: c.number, Return: int64(c.known)}
	}
	return porcupine.CheckOperationsTimeout(counter, operations, linearizeWithin)
}
