package history

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// field is a part of a row that a request sets.
type field struct {
	name string
	sent func(*Request) string // "" if it is not set
	has  func(Row) string
}

var rowFields = []field{
	{"text", func(q *Request) string { return q.Text }, func(row Row) string { return row.Text }},
	{"metadata", func(q *Request) string { return q.Metadata }, func(row Row) string { return row.Metadata }},
}

// write returns the request that set a field of a row to what it is, nil if
// none did that began before a time.
func (h *collection) write(f field, row Row, before time.Duration) *Request {
	value := f.has(row)
	if value != "" {
		for _, e := range h.edits[row.Number] {
			if f.sent(e) == value && e.Outcome != Refused && e.Begin < before {
				return e
			}
		}
	}
	c := h.owner[row.Number]
	if f.name == "text" {
		c = h.byText[value]
	}
	if c == nil || !c.may() || c.begin >= before || f.sent(c.request()) != value {
		return nil
	}
	return c.request()
}

// checkRows looks for where every row comes from.
func (h *collection) checkRows(r *Report) {
	for _, row := range h.state.Rows {
		h.checkDeletes(r, row)
		var writes []*Request
		for _, f := range rowFields {
			if row.Deleted {
				break
			}
			write := h.write(f, row, never)
			if write == nil {
				if f.name == "text" || h.owner[row.Number] != nil { // the metadata of a create that nobody knows is unknown
					h.violated(r, Sent, fmt.Sprintf("number %d has the %s %.60q", row.Number, f.name, f.has(row)))
				}
				break
			}
			writes = append(writes, write)
			h.checkWrite(r, f, row, write)
		}
		h.checkVersion(r, row, writes)
	}
	for number, edits := range h.edits {
		h.checkEdits(r, number, edits)
	}
}

// checkWrite looks for an acknowledged edit of a field that should have taken
// the place of what a write set it to. A create is stored before any edit.
func (h *collection) checkWrite(r *Report, f field, row Row, write *Request) {
	for _, e := range h.edits[row.Number] {
		if e == write || e.Outcome != Acknowledged || f.sent(e) == "" {
			continue
		}
		later := write.Kind == Create || write.Outcome == Acknowledged && e.Begin > write.End
		if later || write.Version != 0 && e.Version > write.Version || e.Version != 0 && e.Version == row.Version {
			h.violated(r, EditKept, fmt.Sprintf("number %d has the %s %.60q again", row.Number, f.name, f.has(row)), write, e)
			return
		}
	}
}

// checkVersion compares the version of a row with the edits and the delete that
// made it. writes are those that the row shows.
func (h *collection) checkVersion(r *Report, row Row, writes []*Request) {
	if row.Version == 0 {
		return
	}
	edits := h.edits[row.Number]
	least, highest, unanswered := int64(1), int64(1), int64(0)
	for _, e := range edits {
		switch {
		case e.Outcome == Acknowledged || e.Outcome == Unknown && slices.Contains(writes, e):
			least++
			highest++
		case e.Outcome == Unknown:
			highest++
		}
		if e.Outcome == Unknown {
			unanswered++
		}
	}
	if row.Deleted {
		least, highest = least+1, highest+1
	}
	if row.Version < least || row.Version > highest {
		h.violated(r, EditKept, fmt.Sprintf("number %d has version %d after %d edits, %d of which were not answered (deleted: %t): want %d to %d",
			row.Number, row.Version, len(edits), unanswered, row.Deleted, least, highest), edits...)
	}
}

// checkEdits compares the responses to the edits of one row with each other and
// with the row.
func (h *collection) checkEdits(r *Report, number int64, edits []*Request) {
	var acknowledged []*Request
	byVersion := map[int64]*Request{}
	row := h.rows[number]
	for _, e := range edits {
		if e.Outcome == Refused {
			h.checkRefused(r, row, e)
		}
		if e.Outcome != Acknowledged || e.Version == 0 {
			continue
		}
		acknowledged = append(acknowledged, e)
		if other := byVersion[e.Version]; other != nil {
			h.violated(r, EditKept, fmt.Sprintf("two edits of number %d made version %d", number, e.Version), other, e)
		}
		byVersion[e.Version] = e
		if e.IfMatch != 0 && e.Version != e.IfMatch+1 {
			h.violated(r, Matched, fmt.Sprintf("an edit of version %d of number %d made version %d", e.IfMatch, number, e.Version), e)
		}
		if row.Version != 0 && e.Version > row.Version {
			h.violated(r, EditKept, fmt.Sprintf("number %d has version %d", number, row.Version), e)
		}
	}
	h.checkVersionsRise(r, number, acknowledged)
}

// checkVersionsRise looks for an edit with a lower version than one that was
// answered before it began.
func (h *collection) checkVersionsRise(r *Report, number int64, acknowledged []*Request) {
	byBegin, byEnd := slices.Clone(acknowledged), slices.Clone(acknowledged)
	slices.SortFunc(byBegin, func(a, b *Request) int { return cmp.Compare(a.Begin, b.Begin) })
	slices.SortFunc(byEnd, func(a, b *Request) int { return cmp.Compare(a.End, b.End) })
	var highest *Request // of those that have ended
	ended := 0
	for _, e := range byBegin {
		for ; ended < len(byEnd) && byEnd[ended].End < e.Begin; ended++ {
			if highest == nil || byEnd[ended].Version > highest.Version {
				highest = byEnd[ended]
			}
		}
		if highest != nil && highest.Version >= e.Version {
			h.violated(r, EditKept, fmt.Sprintf("version %d of number %d was made after version %d", e.Version, number, highest.Version), highest, e)
			return
		}
	}
}

// checkRefused judges why an edit was refused.
func (h *collection) checkRefused(r *Report, row Row, e *Request) {
	switch e.Status {
	case statusGone:
		if !h.mayBeDeleted(e.Number, e.End) {
			h.violated(r, Answered, fmt.Sprintf("status 410 for number %d, which nobody had deleted", e.Number), e)
		}
	case statusPreconditionFailed:
		if row.Version == e.IfMatch && !row.Deleted && h.seen.versionBefore(e.Number, e.Begin) == e.IfMatch {
			h.violated(r, Matched, fmt.Sprintf("number %d still has version %d", e.Number, e.IfMatch), e)
		}
	case statusNotFound:
		if h.seen.storedBefore(e.Number, e.Begin) {
			h.violated(r, Seen, fmt.Sprintf("status 404 for number %d, which was stored", e.Number), e)
		}
	}
}

// The statuses that the check knows.
const (
	statusNotFound           = 404
	statusGone               = 410
	statusPreconditionFailed = 412
)

// mayBeDeleted reports whether a delete that began before a time may have been
// done.
func (h *collection) mayBeDeleted(number int64, before time.Duration) bool {
	return slices.ContainsFunc(h.deletes[number], func(d *Request) bool { return d.Outcome != Refused && d.Begin < before })
}

func (h *collection) checkDeletes(r *Report, row Row) {
	if row.Deleted && !h.mayBeDeleted(row.Number, never) {
		r.Lost++
		h.violated(r, Kept, fmt.Sprintf("number %d is deleted and nobody asked for it", row.Number))
	}
	for _, d := range h.deletes[row.Number] {
		if d.Outcome != Acknowledged {
			continue
		}
		if !row.Deleted {
			h.violated(r, StaysGone, fmt.Sprintf("number %d has the text %.60q", row.Number, row.Text), d)
			return
		}
		for _, e := range h.edits[row.Number] {
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
