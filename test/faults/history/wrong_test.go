package history_test

import (
	"testing"

	"chatapi/test/faults/history"
)

const other = "app#2"

// within moves a request to another collection.
func within(in string, r history.Request) history.Request {
	r.In = in
	return r
}

func versioned(r history.Row, version int64) history.Row {
	r.Version = version
	return r
}

func refused(r history.Request, status int) history.Request {
	r.Outcome, r.Status = history.Refused, status
	return r
}

// TestCheckRejects holds histories that were once accepted and are wrong.
func TestCheckRejects(t *testing.T) {
	for _, tt := range []struct {
		name     string
		requests []history.Request
		state    history.State
		want     history.Invariant
	}{
		{
			"a gap, and a repeated key of another chat",
			[]history.Request{
				at(0, 1, created(2, "a")),
				within(other, at(0, 1, keyed(created(1, "b"), "k"))), within(other, at(2, 3, keyed(created(1, "b"), "k"))),
			},
			history.State{in: stored(row(2, "a")), other: stored(row(1, "b"))},
			history.Gapless,
		},
		{
			"a gap, and an unanswered create of another chat",
			[]history.Request{at(0, 1, created(2, "a")), within(other, at(0, 1, unknown("b")))},
			history.State{in: stored(row(2, "a")), other: stored()},
			history.Gapless,
		},
		{
			"a gap, and an unanswered create that is stored",
			[]history.Request{at(0, 9, unknown("a")), at(0, 9, created(3, "b"))},
			history.State{in: stored(row(1, "a"), row(3, "b"))},
			history.Gapless,
		},
		{
			"a gap below a number that was answered before the only unanswered create",
			[]history.Request{at(0, 1, created(2, "a")), at(2, 3, unknown("b"))},
			history.State{in: stored(row(2, "a"))},
			history.Gapless,
		},
		{
			"a lost answer's create below a number that was answered before it began",
			[]history.Request{at(0, 1, created(2, "a")), at(2, 3, unknown("b"))},
			history.State{in: stored(row(1, "b"), row(2, "a"))},
			history.Ordered,
		},
		{
			"an acknowledged edit that was never made, of a create whose answer was lost",
			[]history.Request{at(0, 1, unknown("a")), at(2, 3, edited(1, "b", history.Acknowledged))},
			history.State{in: stored(row(1, "a"))},
			history.EditKept,
		},
		{
			"an acknowledged edit that was never made, beside one whose answer was lost",
			[]history.Request{
				at(0, 1, created(1, "a")), at(2, 3, edited(1, "b", history.Unknown)), at(4, 5, edited(1, "c", history.Acknowledged)),
			},
			history.State{in: stored(versioned(row(1, "b"), 2))},
			history.EditKept,
		},
		{
			"a tombstone with too low a version",
			[]history.Request{
				at(0, 1, created(1, "a")), at(2, 3, edited(1, "b", history.Acknowledged)), at(4, 5, deleted(1, history.Acknowledged)),
			},
			history.State{in: stored(versioned(tombstone(1), 2))},
			history.EditKept,
		},
		{
			"a tombstone with too high a version",
			[]history.Request{at(0, 1, created(1, "a")), at(4, 5, deleted(1, history.Acknowledged))},
			history.State{in: stored(versioned(tombstone(1), 3))},
			history.EditKept,
		},
		{
			"410 on a message that nobody deleted",
			[]history.Request{at(0, 1, created(1, "a")), at(2, 3, refused(edited(1, "b", history.Refused), 410))},
			history.State{in: stored(row(1, "a"))},
			history.Answered,
		},
		{
			"410 on a message before anybody deleted it",
			[]history.Request{
				at(0, 1, created(1, "a")), at(2, 3, refused(edited(1, "b", history.Refused), 410)), at(4, 5, deleted(1, history.Acknowledged)),
			},
			history.State{in: stored(tombstone(1))},
			history.Answered,
		},
		{
			"a number allocated above the last stored one",
			[]history.Request{at(0, 1, created(1, "a"))},
			history.State{in: with(stored(row(1, "a")), func(c *history.Collection) { c.Allocated = 2 })},
			history.Gapless,
		},
		{
			"more numbers allocated above the last stored one than creates are unanswered",
			[]history.Request{at(0, 1, created(1, "a")), at(2, 3, unknown("b"))},
			history.State{in: with(stored(row(1, "a")), func(c *history.Collection) { c.Allocated = 3 })},
			history.Gapless,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			report := history.Check(history.History{Requests: tt.requests}, tt.state, 0)
			if !report.Breaks(tt.want) {
				t.Errorf("%q is not found broken: %s", tt.want, report)
			}
		})
	}
}
