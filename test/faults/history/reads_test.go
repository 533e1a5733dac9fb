package history_test

import (
	"testing"
	"time"

	"chatapi/test/faults/history"
)

// readAt returns a read that lasted from one millisecond to another.
func readAt(begin, end int, r history.Read) history.Read {
	r.In, r.Begin, r.End = in, time.Duration(begin)*time.Millisecond, time.Duration(end)*time.Millisecond
	if r.Status == 0 {
		r.Status = 200
	}
	return r
}

func got(number int64, row history.Row) history.Read {
	return history.Read{Kind: history.Get, Number: number, Rows: []history.Row{row}}
}

func missing(number int64, status int, code string) history.Read {
	return history.Read{Kind: history.Get, Number: number, Status: status, Code: code}
}

func listed(page history.Page, next bool, rows ...history.Row) history.Read {
	return history.Read{Kind: history.List, Page: page, Next: next, Rows: rows}
}

func counted(n int64) history.Read { return history.Read{Kind: history.Count, Count: n} }

func searched(rows ...history.Row) history.Read {
	return history.Read{Kind: history.Search, Page: history.Page{Limit: 10, Descending: true}, Rows: rows}
}

func markAt(begin, end int, m history.Mark) history.Mark {
	m.In, m.Reader, m.Outcome = in, "ada", history.Acknowledged
	m.Begin, m.End = time.Duration(begin)*time.Millisecond, time.Duration(end)*time.Millisecond
	m.Unread = m.Last - m.Shown
	return m
}

func TestCheckReads(t *testing.T) {
	ten := history.Page{Limit: 10}
	made := []history.Request{at(0, 1, created(1, "a")), at(0, 1, created(2, "b"))}
	both := stored(row(1, "a"), row(2, "b"))
	editOf := func(begin, end int, version int64) history.Request {
		e := at(begin, end, edited(1, "c", history.Acknowledged))
		e.Version = version
		return e
	}
	more := func(requests ...history.Request) []history.Request { return append(made[:2:2], requests...) }
	for _, tt := range []struct {
		name     string
		requests []history.Request
		reads    []history.Read
		marks    []history.Mark
		state    history.Collection
		want     history.Invariant // "" if nothing is broken
	}{
		{"stored later", made, []history.Read{readAt(2, 3, missing(1, 404, "not_stored_yet")), readAt(4, 5, got(1, row(1, "a")))}, nil, both, ""},
		{"stored no more", made, []history.Read{readAt(2, 3, got(1, row(1, "a"))), readAt(4, 5, missing(1, 404, "not_stored_yet"))}, nil, both, history.Seen},
		{"an allocated number that is unknown", made, []history.Read{readAt(2, 3, missing(2, 404, "message_not_found"))}, nil, both, history.Seen},
		{"a number that may not be allocated yet", made, []history.Read{readAt(0, 3, missing(2, 404, "message_not_found"))}, nil, both, ""},
		{"a text that nobody sent", made, []history.Read{readAt(2, 3, got(1, row(1, "x")))}, nil, both, history.Sent},
		{"a text before it was sent", made, []history.Read{readAt(-3, -2, got(1, row(1, "a")))}, nil, both, history.Sent},
		{"metadata that nobody sent", made, []history.Read{readAt(2, 3, got(1, history.Row{Number: 1, Text: "a", Metadata: "{}"}))}, nil, both, history.Sent},
		{"an unanswered create that is read under another number", []history.Request{at(0, 1, unknown("a")), at(0, 1, unknown("b"))}, []history.Read{readAt(2, 3, got(2, row(2, "a")))}, nil, stored(row(1, "a")), history.Once},
		{"a create below a number that was read before it began", []history.Request{at(0, 1, unknown("a")), at(4, 5, created(1, "b"))}, []history.Read{readAt(2, 3, got(2, row(2, "a")))}, nil, stored(row(1, "b"), row(2, "a")), history.Ordered},
		{"410 that nobody asked for", made, []history.Read{readAt(2, 3, missing(1, 410, "message_deleted"))}, nil, both, history.Answered},
		{"410 after a delete", more(at(2, 3, deleted(1, history.Acknowledged))), []history.Read{readAt(4, 5, missing(1, 410, "message_deleted"))}, nil, stored(tombstone(1), row(2, "b")), ""},
		{"read after its delete", more(at(2, 3, deleted(1, history.Acknowledged))), []history.Read{readAt(4, 5, got(1, row(1, "a")))}, nil, stored(tombstone(1), row(2, "b")), history.StaysGone},
		{"a tombstone that nobody asked for", made, []history.Read{readAt(2, 3, listed(ten, false, tombstone(1), row(2, "b")))}, nil, both, history.Sent},
		{"an edit is read", more(editOf(2, 3, 2)), []history.Read{readAt(4, 5, got(1, versioned(row(1, "c"), 2)))}, nil, stored(versioned(row(1, "c"), 2), row(2, "b")), ""},
		{"an edit is not read", more(editOf(2, 3, 2)), []history.Read{readAt(4, 5, got(1, versioned(row(1, "a"), 1)))}, nil, stored(versioned(row(1, "c"), 2), row(2, "b")), history.Seen},
		{"a version with another text", more(editOf(2, 3, 2)), []history.Read{readAt(4, 5, got(1, versioned(row(1, "a"), 2)))}, nil, stored(versioned(row(1, "c"), 2), row(2, "b")), history.EditKept},
		{"two edits with one version", more(editOf(2, 3, 2), editOf(2, 3, 2)), nil, nil, stored(row(1, "c"), row(2, "b")), history.EditKept},
		{"an edit with a lower version than one before", more(editOf(2, 3, 3), editOf(4, 5, 2)), nil, nil, stored(row(1, "c"), row(2, "b")), history.EditKept},
		{"If-Match that lets another version through", more(func() history.Request { e := editOf(2, 3, 3); e.IfMatch = 1; return e }()), nil, nil, stored(row(1, "c"), row(2, "b")), history.Matched},
		{"412 for the version that it still has", more(func() history.Request {
			e := refused(editOf(2, 3, 0), 412)
			e.IfMatch = 1
			return e
		}()), nil, nil, stored(versioned(row(1, "a"), 1), row(2, "b")), history.Matched},
		{"a page", made, []history.Read{readAt(2, 3, listed(history.Page{Limit: 1}, true, row(1, "a")))}, nil, both, ""},
		{"a page without what comes later", made, []history.Read{readAt(2, 3, listed(ten, false, row(2, "b"))), readAt(4, 5, listed(ten, false, row(1, "a"), row(2, "b")))}, nil, both, ""},
		{"a page without what was read", made, []history.Read{readAt(2, 3, got(1, row(1, "a"))), readAt(4, 5, listed(ten, false, row(2, "b")))}, nil, both, history.Seen},
		{"a page out of order", made, []history.Read{readAt(2, 3, listed(ten, false, row(2, "b"), row(1, "a")))}, nil, both, history.Paged},
		{"a page in descending order", made, []history.Read{readAt(2, 3, listed(history.Page{Limit: 10, Descending: true}, false, row(2, "b"), row(1, "a")))}, nil, both, ""},
		{"a page with one row twice", made, []history.Read{readAt(2, 3, listed(ten, false, row(1, "a"), row(1, "a")))}, nil, both, history.Paged},
		{"a page beyond its range", made, []history.Read{readAt(2, 3, listed(history.Page{After: 1, Limit: 10}, false, row(1, "a")))}, nil, both, history.Paged},
		{"a page with too many rows", made, []history.Read{readAt(2, 3, listed(history.Page{Limit: 1}, false, row(1, "a"), row(2, "b")))}, nil, both, history.Paged},
		{"a count of what may be stored", made, []history.Read{readAt(2, 3, counted(0)), readAt(2, 3, counted(2))}, nil, both, ""},
		{"a count of more than was sent", made, []history.Read{readAt(2, 3, counted(3))}, nil, both, history.Counted},
		{"a count of less than was read", made, []history.Read{readAt(2, 3, got(1, row(1, "a"))), readAt(4, 5, counted(0))}, nil, both, history.Counted},
		{"a count of what is deleted", more(at(2, 3, deleted(1, history.Acknowledged))), []history.Read{readAt(4, 5, counted(2))}, nil, stored(tombstone(1), row(2, "b")), history.Counted},
		{"a search that is behind", more(at(2, 3, deleted(1, history.Acknowledged))), []history.Read{readAt(4, 5, searched(row(1, "a")))}, nil, stored(tombstone(1), row(2, "b")), ""},
		{"a search in another order", made, []history.Read{readAt(4, 5, searched(row(1, "a"), row(2, "b")))}, nil, both, history.Paged},
		{"a search that finds what nobody sent", made, []history.Read{readAt(4, 5, searched(row(1, "x")))}, nil, both, history.Sent},
		{"marks", made, nil, []history.Mark{markAt(2, 3, history.Mark{LastRead: 1, Shown: 1, Last: 2}), markAt(4, 5, history.Mark{Shown: 1, Last: 2})}, both, ""},
		{"a mark that falls", made, nil, []history.Mark{markAt(2, 3, history.Mark{LastRead: 2, Shown: 2, Last: 2}), markAt(4, 5, history.Mark{LastRead: 1, Shown: 1, Last: 2})}, both, history.Marked},
		{"a mark that nobody sent", made, nil, []history.Mark{markAt(2, 3, history.Mark{LastRead: 1, Shown: 2, Last: 2})}, both, history.Marked},
		{"a last number below one that was answered", made, nil, []history.Mark{markAt(2, 3, history.Mark{Shown: 0, Last: 1})}, both, history.Seen},
		{"a last number that falls", []history.Request{at(0, 1, created(1, "a"))}, nil, []history.Mark{markAt(2, 3, history.Mark{Last: 3}), markAt(4, 5, history.Mark{Last: 2})}, stored(row(1, "a")), history.Seen},
		{"a mark that is lost at the end", made, nil, []history.Mark{markAt(2, 3, history.Mark{LastRead: 1, Shown: 1, Last: 2})}, with(both, func(c *history.Collection) { c.Marks = map[string]int64{"ada": 0} }), history.Marked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			report := history.Check(history.History{Requests: tt.requests, Reads: tt.reads, Marks: tt.marks}, history.State{in: tt.state}, 0)
			if tt.want == "" && !report.OK() || tt.want != "" && !report.Breaks(tt.want) {
				t.Errorf("want %q broken: %s", tt.want, report)
			}
		})
	}
}
