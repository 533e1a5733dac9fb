package history

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// never is later than everything in a history.
const never = time.Duration(math.MaxInt64)

// Check judges a history by the state that it led to. The state must be read
// when all that was acknowledged is stored and indexed, and must hold every
// collection of the history. lostResponses is how many responses of the engine
// that allocates numbers were lost, so that it was asked again: each may leave
// a number out, in any collection.
func Check(h History, state State, lostResponses int) *Report {
	r := &Report{Requests: len(h.Requests)}
	collections := map[string]*collection{}
	in := func(name string) *collection {
		if collections[name] == nil {
			collections[name] = newCollection(name, state[name])
		}
		return collections[name]
	}
	for name := range state {
		in(name)
	}
	for i := range h.Requests {
		r.count(&h.Requests[i])
		in(h.Requests[i].In).add(&h.Requests[i])
	}
	for i := range h.Reads {
		in(h.Reads[i].In).addRead(r, &h.Reads[i])
	}
	for i := range h.Marks {
		in(h.Marks[i].In).addMark(r, &h.Marks[i])
	}
	var gaps []gap
	for _, name := range slices.Sorted(maps.Keys(collections)) {
		gaps = append(gaps, collections[name].check(r)...)
	}
	if len(gaps) > lostResponses {
		for _, g := range gaps {
			g.in.violated(r, Gapless, fmt.Sprintf("number %d is %s", g.number, g.what))
		}
	}
	return r
}

func (r *Report) count(q *Request) {
	switch {
	case q.Kind == Create:
		r.Creates++
	case q.Outcome == Acknowledged && q.Kind == Edit:
		r.Edits++
	case q.Outcome == Acknowledged:
		r.Deletes++
	}
	if q.Outcome == Unknown {
		r.Unknown++
	}
	if q.Unexpected != "" {
		r.violated(Violation{Answered, q.In, q.Unexpected, []Request{*q}})
	}
}

// create is what one client wanted to create once: a request, or several with
// the same key.
type create struct {
	requests []*Request
	first    *Request      // acknowledged, the one that was answered first; nil if none was
	begin    time.Duration // of the request that was sent first
	number   int64         // in a response or, if there is none, where it was found; 0 if it was not
	known    time.Duration // since when somebody knows that number
}

func (c *create) request() *Request {
	if c.first != nil {
		return c.first
	}
	return c.requests[0]
}

// may reports whether the service may have done it.
func (c *create) may() bool {
	return slices.ContainsFunc(c.requests, func(q *Request) bool { return q.Outcome != Refused })
}

// collection is the history of one collection and its state at the end.
type collection struct {
	in      string
	state   Collection
	creates []*create
	byKey   map[string]*create
	byText  map[string]*create
	owner   map[int64]*create // by number
	edits   map[int64][]*Request
	deletes map[int64][]*Request
	rows    map[int64]Row
	reads   []*Read
	marks   []*Mark
	seen    *seen
}

func newCollection(in string, state Collection) *collection {
	return &collection{
		in: in, state: state, byKey: map[string]*create{}, byText: map[string]*create{}, owner: map[int64]*create{},
		edits: map[int64][]*Request{}, deletes: map[int64][]*Request{}, rows: map[int64]Row{}, seen: newSeen(),
	}
}

func (h *collection) add(q *Request) {
	switch q.Kind {
	case Edit:
		h.edits[q.Number] = append(h.edits[q.Number], q)
	case Delete:
		h.deletes[q.Number] = append(h.deletes[q.Number], q)
	default:
		h.addCreate(q)
	}
}

func (h *collection) addCreate(q *Request) {
	c := h.byKey[q.Key]
	if q.Key == "" || c == nil {
		c = &create{begin: q.Begin, known: never}
		h.creates = append(h.creates, c)
		h.byText[q.Text] = c
		if q.Key != "" {
			h.byKey[q.Key] = c
		}
	}
	c.requests = append(c.requests, q)
	c.begin = min(c.begin, q.Begin)
	if q.Outcome == Acknowledged && (c.first == nil || q.End < c.first.End) {
		c.first, c.number, c.known = q, q.Number, q.End
	}
}

// check judges a collection and returns the numbers that are left out without
// a create that explains it.
func (h *collection) check(r *Report) []gap {
	for _, row := range h.state.Rows {
		if _, twice := h.rows[row.Number]; twice {
			r.Duplicated++
			h.violated(r, Once, fmt.Sprintf("number %d is listed twice", row.Number))
		}
		h.rows[row.Number] = row
	}
	r.Stored += len(h.rows)
	h.learn()
	h.checkKeys(r)
	acknowledged := h.checkNumbers(r)
	h.checkOrder(r)
	h.checkKept(r, acknowledged)
	h.checkRows(r)
	h.checkCount(r)
	h.checkIndex(r)
	h.checkReads(r)
	h.checkMarks(r)
	return h.gaps(r)
}

func (h *collection) violated(r *Report, broken Invariant, what string, requests ...*Request) {
	v := Violation{Invariant: broken, In: h.in, What: what}
	for _, q := range requests {
		v.Requests = append(v.Requests, *q)
	}
	slices.SortStableFunc(v.Requests, func(a, b Request) int { return cmp.Compare(a.Begin, b.Begin) })
	r.violated(v)
}

func (h *collection) checkKeys(r *Report) {
	for _, c := range h.creates {
		for _, q := range c.requests {
			if q.Outcome == Acknowledged && q.Number != c.first.Number {
				r.Duplicated++
				h.violated(r, SameKey, fmt.Sprintf("one key got %d and %d", c.first.Number, q.Number), c.first, q)
			}
		}
	}
}

// checkNumbers returns the creates that were acknowledged.
func (h *collection) checkNumbers(r *Report) (acknowledged []*create) {
	for _, c := range h.creates {
		if c.first == nil {
			continue
		}
		acknowledged = append(acknowledged, c)
		if other := h.owner[c.number]; other != nil {
			r.Duplicated++
			h.violated(r, Unique, fmt.Sprintf("two creates got %d", c.number), other.first, c.first)
			continue
		}
		h.owner[c.number] = c
	}
	r.Acknowledged += len(acknowledged)
	h.place(r)
	return acknowledged
}

// place finds the numbers of creates that were not answered, by their text in
// what was read and in what is stored.
func (h *collection) place(r *Report) {
	put := func(row Row, known time.Duration) {
		c := h.byText[row.Text]
		if row.Deleted || c == nil || !c.may() {
			return
		}
		if c.number == 0 && h.owner[row.Number] == nil {
			c.number, h.owner[row.Number] = row.Number, c
		}
		if c.number == row.Number {
			c.known = min(c.known, known)
			return
		}
		r.Duplicated++
		h.violated(r, Once, fmt.Sprintf("it is stored as number %d, and as %d", c.number, row.Number), c.request())
	}
	for _, read := range h.reads {
		for _, row := range read.Rows {
			if c := h.byText[row.Text]; c != nil && (c.number != row.Number || read.End < c.known) {
				put(row, read.End)
			}
		}
	}
	for _, row := range h.state.Rows {
		put(row, never)
	}
}

// checkKept looks for every acknowledged create among the rows.
func (h *collection) checkKept(r *Report, acknowledged []*create) {
	for _, c := range acknowledged {
		row, stored := h.rows[c.number]
		switch {
		case !stored:
			r.Lost++
			h.violated(r, Kept, fmt.Sprintf("number %d is not stored", c.number), c.first)
		case !row.Deleted && row.Text != c.first.Text && len(h.edits[c.number]) == 0:
			r.Lost++
			h.violated(r, Kept, fmt.Sprintf("number %d has the text %.60q", c.number, row.Text), c.first)
		}
	}
}
