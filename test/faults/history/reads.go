package history

import (
	"fmt"
	"slices"
)

func (h *collection) addRead(r *Report, read *Read) {
	r.Reads++
	h.reads = append(h.reads, read)
	if read.Unexpected != "" {
		r.violated(Violation{Answered, read.In, read.Unexpected + ": " + read.String(), nil})
	}
}

func (h *collection) wrongRead(r *Report, broken Invariant, read *Read, format string, args ...any) {
	r.violated(Violation{broken, h.in, fmt.Sprintf(format, args...) + ": " + read.String(), nil})
}

// checkReads judges what was read during the load. Reads of the store see what
// was acknowledged, or read, before they began; those of the index may be
// behind, but show nothing that never was.
func (h *collection) checkReads(r *Report) {
	numbers := h.knownNumbers()
	for _, read := range h.reads {
		if read.Unexpected != "" {
			continue
		}
		for _, row := range read.Rows {
			h.checkShown(r, read, row)
		}
		switch read.Kind {
		case Get:
			h.checkGet(r, read, numbers)
		case List, Search:
			h.checkPage(r, read)
		case Count:
			if least, highest := h.seen.countBetween(read.Begin, read.End); read.Count < least || read.Count > highest {
				h.wrongRead(r, Counted, read, "the count is %d and must lie between %d and %d", read.Count, least, highest)
			}
		}
	}
}

// checkShown judges one row of a read.
func (h *collection) checkShown(r *Report, read *Read, row Row) {
	if row.Deleted {
		if !h.mayBeDeleted(row.Number, read.End) {
			h.wrongRead(r, Sent, read, "number %d is shown as deleted, which nobody asked for", row.Number)
		}
		return
	}
	for _, f := range rowFields {
		write := h.write(f, row, read.End)
		if write == nil && (f.name == "text" || h.owner[row.Number] != nil) {
			h.wrongRead(r, Sent, read, "number %d has the %s %.60q", row.Number, f.name, f.has(row))
		}
		for _, e := range h.edits[row.Number] {
			if e.Outcome == Acknowledged && row.Version != 0 && e.Version == row.Version && f.sent(e) != "" && f.sent(e) != f.has(row) {
				h.wrongRead(r, EditKept, read, "version %d of number %d has the %s %.60q, not %.60q", row.Version, row.Number, f.name, f.has(row), f.sent(e))
			}
		}
	}
	if read.Kind == Search {
		return
	}
	if h.seen.deletedBefore(row.Number, read.Begin) {
		h.wrongRead(r, StaysGone, read, "number %d has the text %.60q", row.Number, row.Text)
	}
	if known := h.seen.versionBefore(row.Number, read.Begin); row.Version != 0 && row.Version < known {
		h.wrongRead(r, Seen, read, "number %d has version %d after version %d", row.Number, row.Version, known)
	}
}

// checkGet judges why there is no row in a response.
func (h *collection) checkGet(r *Report, read *Read, numbers knownNumbers) {
	switch {
	case len(read.Rows) == 1 && read.Rows[0].Number != read.Number:
		h.wrongRead(r, Answered, read, "it is number %d", read.Rows[0].Number)
	case read.Status == statusGone && !h.mayBeDeleted(read.Number, read.End):
		h.wrongRead(r, Answered, read, "nobody had deleted it")
	case read.Status == statusNotFound && h.seen.storedBefore(read.Number, read.Begin):
		h.wrongRead(r, Seen, read, "it was stored")
	case read.Status == statusNotFound && read.Code != codeNotStoredYet && numbers.before(read.Begin) >= read.Number:
		h.wrongRead(r, Seen, read, "its number was allocated")
	}
}

// codeNotStoredYet is the code of an allocated number without a row.
const codeNotStoredYet = "not_stored_yet"

// checkPage judges the rows of a page together.
func (h *collection) checkPage(r *Report, read *Read) {
	page, rows := read.Page, read.Rows
	if len(rows) > page.Limit {
		h.wrongRead(r, Paged, read, "more rows than the limit")
	}
	low, high := page.After+1, page.Before-1
	if page.Before == 0 {
		high = int64(1)<<62 - 1
	}
	shown := map[int64]bool{}
	for i, row := range rows {
		shown[row.Number] = true
		if row.Number < low || row.Number > high {
			h.wrongRead(r, Paged, read, "number %d is not in the range", row.Number)
			return
		}
		if i > 0 && (row.Number < rows[i-1].Number) != page.Descending || i > 0 && row.Number == rows[i-1].Number {
			h.wrongRead(r, Paged, read, "number %d is after number %d", row.Number, rows[i-1].Number)
			return
		}
	}
	if read.Kind == Search {
		return // the index may be behind
	}
	if read.Next && len(rows) > 0 {
		if last := rows[len(rows)-1].Number; page.Descending {
			low = last
		} else {
			high = last
		}
	}
	for number := low; number <= min(high, h.highest()); number++ {
		if !shown[number] && h.seen.storedBefore(number, read.Begin) {
			h.wrongRead(r, Seen, read, "number %d, which was stored, is not on the page", number)
			return
		}
	}
}

// highest returns the highest number of a row.
func (h *collection) highest() int64 {
	if len(h.state.Rows) == 0 {
		return 0
	}
	return max(h.state.Rows[0].Number, h.state.Rows[len(h.state.Rows)-1].Number)
}

func (h *collection) addMark(r *Report, mark *Mark) {
	r.Reads++
	h.marks = append(h.marks, mark)
	if mark.Unexpected != "" {
		r.violated(Violation{Answered, mark.In, mark.Unexpected + ": " + mark.String(), nil})
	}
}

// checkMarks judges the marks of readers, and the highest number of the chat
// that they show.
func (h *collection) checkMarks(r *Report) {
	byReader := map[string][]*Mark{}
	numbers, lasts := h.knownNumbers(), knownNumbers{}
	for _, m := range h.marks {
		byReader[m.Reader] = append(byReader[m.Reader], m)
		if m.Outcome == Acknowledged {
			lasts = append(lasts, known{m.End, m.Last})
		}
	}
	lasts.sort()
	for _, m := range h.marks {
		switch least := max(numbers.before(m.Begin), lasts.before(m.Begin)); {
		case m.Outcome == Refused && numbers.before(m.Begin) >= m.LastRead:
			h.wrongMark(r, Marked, m, "number %d was allocated", m.LastRead)
		case m.Outcome == Acknowledged && (m.Last < least || m.Unread != m.Last-m.Shown):
			h.wrongMark(r, Seen, m, "number %d was known to be allocated", least)
		}
	}
	for reader, marks := range byReader {
		h.checkReader(r, reader, marks)
	}
}

func (h *collection) wrongMark(r *Report, broken Invariant, m *Mark, format string, args ...any) {
	r.violated(Violation{broken, h.in, fmt.Sprintf(format, args...) + ": " + m.String(), nil})
}

// checkReader judges the marks of one reader.
func (h *collection) checkReader(r *Report, reader string, marks []*Mark) {
	highest := int64(0) // that was acknowledged
	for _, m := range marks {
		if m.Outcome != Acknowledged {
			continue
		}
		highest = max(highest, m.Shown)
		if least := max(shownBefore(marks, m), m.LastRead); m.Shown < least {
			h.wrongMark(r, Marked, m, "it was %d before", least)
		}
		asked := func(o *Mark) bool { return o.LastRead == m.Shown && o.Begin < m.End && o.Outcome != Refused }
		if m.Shown != 0 && !slices.ContainsFunc(marks, asked) {
			h.wrongMark(r, Marked, m, "nobody marked %d", m.Shown)
		}
	}
	if last, asked := h.state.Marks[reader]; asked && last < highest {
		r.violated(Violation{Marked, h.in, fmt.Sprintf("reader %s has read up to %d at the end, and was at %d", reader, last, highest), nil})
	}
}

// shownBefore returns the highest mark that a response before showed.
func shownBefore(marks []*Mark, than *Mark) (highest int64) {
	for _, m := range marks {
		if m.Outcome == Acknowledged && m.End < than.Begin {
			highest = max(highest, m.Shown)
		}
	}
	return highest
}
