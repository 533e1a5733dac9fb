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
	Sent      Invariant = "nothing is stored that nobody sent"
	Gapless   Invariant = "a number is left out only for a create that was not acknowledged"
	Counted   Invariant = "the count is that of the rows"
	EditKept  Invariant = "an edit is not undone"
	StaysGone Invariant = "what is deleted stays deleted"
	Indexed   Invariant = "the index holds what the table holds"
	SameKey   Invariant = "the same key has the same number"
	Answered  Invariant = "every answer is one that the API allows"
)

// Violation is a broken invariant, with the requests that show it: none could
// be left out.
type Violation struct {
	Invariant Invariant
	In        string // the collection, "" where it is all of them
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
	Stored       int // rows, tombstones among them
	Unused       int // numbers below the highest that no row has

	Lost       int // acknowledged creates that are not stored with their own text
	Duplicated int // numbers given out twice, and creates stored twice
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
	fmt.Fprintf(&text, "%d requests, %d creates, %d acknowledged, %d edits, %d deletes, %d unknown, %d stored, %d unused numbers; %d lost, %d duplicated, %d out of order, %d violations",
		r.Requests, r.Creates, r.Acknowledged, r.Edits, r.Deletes, r.Unknown, r.Stored, r.Unused, r.Lost, r.Duplicated, r.OutOfOrder, r.Broken)
	for _, v := range r.Violations {
		text.WriteString("\n  " + v.String())
	}
	return text.String()
}
