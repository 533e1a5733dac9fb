package history

import (
	"fmt"
	"strings"
)

// Invariant is a promise of the service.
type Invariant string

// The invariants, as reports name them.
const (
	Unique    Invariant = "numbers are unique"
	Ordered   Invariant = "a create that begins after another was answered has a higher number"
	Kept      Invariant = "an acknowledged create is stored with its own text"
	Once      Invariant = "a create is stored once"
	Sent      Invariant = "nothing is stored or shown that nobody sent"
	Gapless   Invariant = "a number is left out only for a create of the same collection that was not answered"
	Counted   Invariant = "the count is that of the rows"
	EditKept  Invariant = "an edit is made once and not undone"
	Matched   Invariant = "If-Match lets an edit through in the version that it names, and in no other"
	StaysGone Invariant = "what is deleted stays deleted"
	Indexed   Invariant = "the index holds what the table holds"
	SameKey   Invariant = "the same key has the same number"
	Seen      Invariant = "a read shows what was known before it began"
	Paged     Invariant = "a page holds the rows of its range, in order, each once"
	Marked    Invariant = "a reader's mark only rises, to what was asked for"
	Answered  Invariant = "every response is one that the API allows"
)

// Violation is a broken invariant, with the requests that show it: none could
// be left out.
type Violation struct {
	Invariant Invariant
	In        string // the collection, "all" if it is all of them
	What      string
	Requests  []Request
}

func (v Violation) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "broken: %s: %s: %s", v.Invariant, v.In, v.What)
	for _, r := range v.Requests {
		fmt.Fprintf(&text, "\n    %s", r)
	}
	return text.String()
}

// Report is what a check found.
type Report struct {
	Requests     int // of all kinds
	Creates      int // requests that create
	Acknowledged int // creates that were acknowledged, each key once
	Unknown      int // requests whose outcome is unknown
	Edits        int // acknowledged
	Deletes      int // acknowledged
	Reads        int // that got a response, read marks among them
	Stored       int // rows, tombstones among them
	Unused       int // numbers up to the highest allocated that no row has

	Lost       int // acknowledged creates that are not stored with their own text
	Duplicated int // numbers allocated twice, and creates stored twice
	OutOfOrder int // creates with a lower number than one that was answered before they began

	Violations []Violation // of each invariant the first few
	Broken     int         // all violations
}

// OK reports whether no invariant is broken.
func (r *Report) OK() bool { return r.Broken == 0 }

// Breaks reports whether an invariant is among the violations.
func (r *Report) Breaks(i Invariant) bool {
	for _, v := range r.Violations {
		if v.Invariant == i {
			return true
		}
	}
	return false
}

// MayHeal reports whether some of what is broken may be so because not
// everything is stored and indexed yet.
func (r *Report) MayHeal() bool {
	return r.Breaks(Kept) || r.Breaks(Gapless) || r.Breaks(Counted) || r.Breaks(Indexed)
}

// shown is how many violations of one invariant a report holds.
const shown = 3

func (r *Report) violated(v Violation) {
	r.Broken++
	same := 0
	for _, other := range r.Violations {
		if other.Invariant == v.Invariant {
			same++
		}
	}
	if same < shown {
		r.Violations = append(r.Violations, v)
	}
}

// String gives the figures and, one after the other, the violations.
func (r *Report) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d requests, %d creates, %d acknowledged, %d edits, %d deletes, %d unknown, %d reads, %d stored, "+
		"%d unused numbers; %d lost, %d duplicated, %d out of order, %d violations",
		r.Requests, r.Creates, r.Acknowledged, r.Edits, r.Deletes, r.Unknown, r.Reads, r.Stored, r.Unused,
		r.Lost, r.Duplicated, r.OutOfOrder, r.Broken)
	for _, v := range r.Violations {
		text.WriteString("\n  " + v.String())
	}
	return text.String()
}
