package history

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// Check judges a history by the state that it led to. The state must be read
// when all that was acknowledged is stored and indexed, and must hold every
// collection of the history. lostAnswers is how many answers of the store were
// lost and asked for again: each may leave a number out.
func Check(requests []Request, state State, lostAnswers int) *Report {
	r := &Report{Requests: len(requests)}
	histories := map[string]*collection{}
	for in, c := range state {
		histories[in] = newCollection(in, c)
	}
	for i := range requests {
		q := &requests[i]
		r.count(q)
		h := histories[q.In]
		if h == nil {
			h = newCollection(q.In, Collection{})
			histories[q.In] = h
		}
		h.add(q)
	}
	for _, in := range slices.Sorted(maps.Keys(histories)) {
		histories[in].check(r)
	}
	if may := r.Creates - r.Acknowledged + lostAnswers; r.Unused > may {
		r.violated(Violation{Gapless, "all", fmt.Sprintf("%d numbers are unused, at most %d may be", r.Unused, may), nil})
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
	first    *Request      // acknowledged, the one that was answered first; nil where none was
	begin    time.Duration // of the request that was sent first
}

func (c *create) request() *Request {
	if c.first != nil {
		return c.first
	}
	return c.requests[0]
}

// collection is the history of one collection and its state at the end.
type collection struct {
	in      string
	state   Collection
	creates []*create
	byKey   map[string]*create
	byText  map[string]*create
	edits   map[int64][]*Request
	deletes map[int64][]*Request
	rows    map[int64]Row
}

func newCollection(in string, state Collection) *collection {
	return &collection{
		in: in, state: state, byKey: map[string]*create{}, byText: map[string]*create{},
		edits: map[int64][]*Request{}, deletes: map[int64][]*Request{}, rows: map[int64]Row{},
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
		c = &create{begin: q.Begin}
		h.creates = append(h.creates, c)
		h.byText[q.Text] = c
		if q.Key != "" {
			h.byKey[q.Key] = c
		}
	}
	c.requests = append(c.requests, q)
	c.begin = min(c.begin, q.Begin)
	if q.Outcome == Acknowledged && (c.first == nil || q.End < c.first.End) {
		c.first = q
	}
}

func (h *collection) check(r *Report) {
	for _, row := range h.state.Rows {
		if _, twice := h.rows[row.Number]; twice {
			r.Duplicated++
			h.violated(r, Once, fmt.Sprintf("number %d is listed twice", row.Number))
		}
		h.rows[row.Number] = row
	}
	r.Stored += len(h.rows)
	h.checkKeys(r)
	acknowledged := h.checkNumbers(r)
	h.checkOrder(r, acknowledged)
	h.checkKept(r, acknowledged)
	h.checkRows(r)
	h.checkCount(r)
	h.checkIndex(r)
	if len(h.rows) > 0 {
		r.Unused += int(slices.Max(slices.Collect(maps.Keys(h.rows)))) - len(h.rows)
	}
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
	owner := map[int64]*create{}
	for _, c := range h.creates {
		if c.first == nil {
			continue
		}
		acknowledged = append(acknowledged, c)
		if other := owner[c.first.Number]; other != nil {
			r.Duplicated++
			h.violated(r, Unique, fmt.Sprintf("two creates got %d", c.first.Number), other.first, c.first)
			continue
		}
		owner[c.first.Number] = c
	}
	r.Acknowledged += len(acknowledged)
	return acknowledged
}

// checkKept looks for every acknowledged create among the rows.
func (h *collection) checkKept(r *Report, acknowledged []*create) {
	for _, c := range acknowledged {
		number := c.first.Number
		row, stored := h.rows[number]
		switch {
		case !stored:
			r.Lost++
			h.violated(r, Kept, fmt.Sprintf("number %d is not stored", number), c.first)
		case !row.Deleted && row.Text != c.first.Text && len(h.edits[number]) == 0:
			r.Lost++
			h.violated(r, Kept, fmt.Sprintf("number %d has the text %.60q", number, row.Text), c.first)
		}
	}
}

// checkRows looks for where every row comes from.
func (h *collection) checkRows(r *Report) {
	storedAs := map[*create]int64{}
	for _, row := range h.state.Rows {
		edits, deletes := h.edits[row.Number], h.deletes[row.Number]
		h.checkDeletes(r, row, edits, deletes)
		if row.Deleted {
			continue
		}
		if edit := withText(edits, row.Text); edit != nil {
			h.checkEdits(r, row, edit, edits)
			continue
		}
		c := h.byText[row.Text]
		if c == nil || !slices.ContainsFunc(c.requests, func(q *Request) bool { return q.Outcome != Refused }) {
			h.violated(r, Sent, fmt.Sprintf("number %d has the text %.60q", row.Number, row.Text))
			continue
		}
		if other, twice := storedAs[c]; twice || c.first != nil && c.first.Number != row.Number {
			r.Duplicated++
			h.violated(r, Once, fmt.Sprintf("it is stored as number %d, and as %d", max(other, c.request().Number), row.Number), c.request())
			continue
		}
		storedAs[c] = row.Number
		h.checkEdits(r, row, c.request(), edits)
	}
}

func withText(requests []*Request, text string) *Request {
	for _, q := range requests {
		if q.Text == text && q.Outcome != Refused {
			return q
		}
	}
	return nil
}

// ends is when a request was done at the latest.
func ends(q *Request) time.Duration {
	if q.Outcome == Unknown {
		return math.MaxInt64
	}
	return q.End
}

// checkEdits looks for an acknowledged edit that began when the write, whose
// text the row has, was done.
func (h *collection) checkEdits(r *Report, row Row, write *Request, edits []*Request) {
	acknowledged, may := int64(0), int64(0)
	for _, e := range edits {
		switch e.Outcome {
		case Acknowledged:
			acknowledged++
		case Unknown:
			may++
		}
		if e != write && e.Outcome == Acknowledged && e.Begin > ends(write) {
			h.violated(r, EditKept, fmt.Sprintf("number %d has the text %.60q again", row.Number, row.Text), write, e)
			return
		}
	}
	if row.Version != 0 && (row.Version < 1+acknowledged || row.Version > 1+acknowledged+may) {
		h.violated(r, EditKept, fmt.Sprintf("number %d has version %d after %d edits and %d that may have been done", row.Number, row.Version, acknowledged, may), edits...)
	}
}

func (h *collection) checkDeletes(r *Report, row Row, edits, deletes []*Request) {
	asked := slices.ContainsFunc(deletes, func(q *Request) bool { return q.Outcome != Refused })
	if row.Deleted && !asked {
		r.Lost++
		h.violated(r, Kept, fmt.Sprintf("number %d is deleted and nobody asked for it", row.Number))
	}
	for _, d := range deletes {
		if d.Outcome != Acknowledged {
			continue
		}
		if !row.Deleted {
			h.violated(r, StaysGone, fmt.Sprintf("number %d has the text %.60q", row.Number, row.Text), d)
			return
		}
		for _, e := range edits {
			if e.Outcome == Acknowledged && e.Begin > d.End {
				h.violated(r, StaysGone, fmt.Sprintf("number %d was edited after it", row.Number), d, e)
				return
			}
		}
	}
}

func (h *collection) checkCount(r *Report) {
	live := int64(0)
	for _, row := range h.rows {
		if !row.Deleted {
			live++
		}
	}
	if h.state.Count != live {
		h.violated(r, Counted, fmt.Sprintf("the count is %d, and %d rows are live", h.state.Count, live))
	}
}

func (h *collection) checkIndex(r *Report) {
	if !h.state.Searched {
		return
	}
	found := map[int64]string{}
	for _, hit := range h.state.Found {
		if _, twice := found[hit.Number]; twice {
			h.violated(r, Indexed, fmt.Sprintf("number %d is found twice", hit.Number))
		}
		found[hit.Number] = hit.Text
		if row, stored := h.rows[hit.Number]; !stored || row.Deleted {
			h.violated(r, Indexed, fmt.Sprintf("number %d is found and not in the table", hit.Number))
		}
	}
	for _, row := range h.state.Rows {
		text, ok := found[row.Number]
		switch {
		case row.Deleted:
		case !ok:
			h.violated(r, Indexed, fmt.Sprintf("number %d is not found", row.Number))
		case text != row.Text:
			h.violated(r, Indexed, fmt.Sprintf("number %d is found with the text %.60q and has %.60q", row.Number, text, row.Text))
		}
	}
}
