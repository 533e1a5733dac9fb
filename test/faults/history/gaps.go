package history

import (
	"cmp"
	"slices"
	"time"
)

// gap is a number that was allocated and that no create explains.
type gap struct {
	in     *collection
	number int64
	what   string
}

// gaps returns the numbers that need a create whose response nobody saw, and
// have none: those that are left out, also above the last row, and those whose
// row has another text by now or none.
//
// Such a create explains a number above all that were known when it began. So
// more creates may explain a higher number than a lower one, and going up from
// the lowest each number takes any of those that may explain it.
func (h *collection) gaps(r *Report) (unexplained []gap) {
	highest := h.state.Allocated
	for number := range h.rows {
		highest = max(highest, number)
	}
	r.Unused += int(highest) - len(h.rows)
	if len(h.creates) == 0 && len(h.rows) == 0 && highest == 0 {
		return nil
	}
	attempts := h.attempts()
	taken := 0
	for number := int64(1); number <= highest; number++ {
		if h.owner[number] != nil { // checkKept says if it is lost
			continue
		}
		if taken < len(attempts) && attempts[taken] < number {
			taken++
			continue
		}
		what := "left out"
		if _, stored := h.rows[number]; stored {
			what = "of a create that nobody sent"
		}
		unexplained = append(unexplained, gap{h, number, what})
	}
	return unexplained
}

// attempts returns, of each request that may have allocated a number which
// nobody was told, the highest number that was known before it began, lowest
// first.
func (h *collection) attempts() (above []int64) {
	numbers := h.knownNumbers()
	for _, c := range h.creates {
		until := never
		if c.first != nil {
			until = c.first.End // later ones find the key's number
		}
		var own []int64
		for _, q := range c.requests {
			if q.Outcome == Unknown && q.Begin < until {
				own = append(own, numbers.before(q.Begin))
			}
		}
		slices.Sort(own)
		if c.first == nil && c.number != 0 && len(own) > 0 {
			own = own[:len(own)-1] // one of them allocated the number of the create
		}
		above = append(above, own...)
	}
	slices.Sort(above)
	return above
}

// known is a number, and since when somebody knows it.
type known struct {
	at     time.Duration
	number int64
}

// knownNumbers holds the highest number that anybody knew, by time.
type knownNumbers []known

func (h *collection) knownNumbers() (all knownNumbers) {
	for _, c := range h.creates {
		if c.number != 0 && c.known != never {
			all = append(all, known{c.known, c.number})
		}
	}
	for number, at := range h.seen.stored {
		all = append(all, known{at, number})
	}
	all.sort()
	return all
}

func (k knownNumbers) sort() {
	slices.SortFunc(k, func(a, b known) int { return cmp.Compare(a.at, b.at) })
	highest := int64(0)
	for i := range k {
		highest = max(highest, k[i].number)
		k[i].number = highest
	}
}

// before returns the highest number that was known before a time, 0 for none.
func (k knownNumbers) before(at time.Duration) int64 {
	i, _ := slices.BinarySearchFunc(k, at, func(e known, at time.Duration) int { return cmp.Compare(e.at, at) })
	if i == 0 {
		return 0
	}
	return k[i-1].number
}
