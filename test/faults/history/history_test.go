package history_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"chatapi/test/faults/history"

	"github.com/anishathalye/porcupine"
	"pgregory.net/rapid"
)

const in = "app#1"

// at returns a request that lasted from one millisecond to another.
func at(begin, end int, r history.Request) history.Request {
	r.In, r.Begin, r.End = in, time.Duration(begin)*time.Millisecond, time.Duration(end)*time.Millisecond
	return r
}

func created(number int64, text string) history.Request {
	return history.Request{Text: text, Number: number, Outcome: history.Acknowledged, Status: 201}
}

func unknown(text string) history.Request { return history.Request{Text: text} }

func keyed(r history.Request, key string) history.Request {
	r.Key = key
	return r
}

func edited(number int64, text string, outcome history.Outcome) history.Request {
	return history.Request{Kind: history.Edit, Number: number, Text: text, Outcome: outcome}
}

func deleted(number int64, outcome history.Outcome) history.Request {
	return history.Request{Kind: history.Delete, Number: number, Outcome: outcome}
}

func row(number int64, text string) history.Row { return history.Row{Number: number, Text: text} }

func tombstone(number int64) history.Row { return history.Row{Number: number, Deleted: true} }

// stored is a collection that agrees with itself.
func stored(rows ...history.Row) history.Collection {
	c := history.Collection{Rows: rows, Searched: true}
	for _, r := range rows {
		if !r.Deleted {
			c.Count++
			c.Found = append(c.Found, r)
		}
	}
	return c
}

func with(c history.Collection, change func(*history.Collection)) history.Collection {
	change(&c)
	return c
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name     string
		requests []history.Request
		state    history.Collection
		want     history.Invariant // "" where nothing is broken
		requires int               // requests that show it
	}{
		{"nothing", nil, stored(), "", 0},
		{"creates one after the other", []history.Request{at(0, 1, created(1, "a")), at(2, 3, created(2, "b"))}, stored(row(1, "a"), row(2, "b")), "", 0},
		{"creates side by side in any order", []history.Request{at(0, 9, created(2, "a")), at(2, 3, created(1, "b"))}, stored(row(1, "b"), row(2, "a")), "", 0},
		{"an unknown create that is stored", []history.Request{at(0, 1, unknown("a"))}, stored(row(1, "a")), "", 0},
		{"an unknown create that is not stored", []history.Request{at(0, 1, unknown("a")), at(2, 3, created(2, "b"))}, stored(row(2, "b")), "", 0},
		{"a retry with the same key", []history.Request{at(0, 1, keyed(created(1, "a"), "k")), at(2, 3, created(2, "b")), at(4, 5, keyed(created(1, "a"), "k"))}, stored(row(1, "a"), row(2, "b")), "", 0},
		{"an edit", []history.Request{at(0, 1, created(1, "a")), at(2, 3, edited(1, "b", history.Acknowledged))}, stored(row(1, "b")), "", 0},
		{"edits side by side", []history.Request{at(0, 1, created(1, "a")), at(2, 9, edited(1, "b", history.Acknowledged)), at(3, 4, edited(1, "c", history.Acknowledged))}, stored(row(1, "b")), "", 0},
		{"an unknown edit done late", []history.Request{at(0, 1, created(1, "a")), at(2, 3, edited(1, "b", history.Unknown)), at(4, 5, edited(1, "c", history.Acknowledged))}, stored(row(1, "b")), "", 0},
		{"a delete", []history.Request{at(0, 1, created(1, "a")), at(2, 3, deleted(1, history.Acknowledged))}, stored(tombstone(1)), "", 0},
		{"an unknown delete", []history.Request{at(0, 1, created(1, "a")), at(2, 3, deleted(1, history.Unknown))}, stored(tombstone(1)), "", 0},

		{"a number given out twice", []history.Request{at(0, 1, created(1, "a")), at(0, 1, created(1, "b"))}, stored(row(1, "a")), history.Unique, 2},
		{"a later create with a lower number", []history.Request{at(0, 1, created(2, "a")), at(2, 3, created(1, "b"))}, stored(row(1, "b"), row(2, "a")), history.Ordered, 2},
		{"an acknowledged create that is lost", []history.Request{at(0, 1, created(1, "a"))}, stored(), history.Kept, 1},
		{"another's text", []history.Request{at(0, 1, created(1, "a")), at(0, 1, created(2, "b"))}, stored(row(1, "b"), row(2, "a")), history.Kept, 1},
		{"a create that is stored twice", []history.Request{at(0, 1, created(1, "a"))}, stored(row(1, "a"), row(2, "a")), history.Once, 1},
		{"an unknown create that is stored twice", []history.Request{at(0, 1, unknown("a"))}, stored(row(1, "a"), row(2, "a")), history.Once, 1},
		{"a text that nobody sent", nil, stored(row(1, "a")), history.Sent, 0},
		{"a text that was refused", []history.Request{at(0, 1, history.Request{Text: "a", Outcome: history.Refused})}, stored(row(1, "a")), history.Sent, 0},
		{"a number left out", []history.Request{at(0, 1, created(2, "a"))}, stored(row(2, "a")), history.Gapless, 0},
		{"a count that is too high", []history.Request{at(0, 1, created(1, "a"))}, with(stored(row(1, "a")), func(c *history.Collection) { c.Count++ }), history.Counted, 0},
		{"an edit that is undone", []history.Request{at(0, 1, created(1, "a")), at(2, 3, edited(1, "b", history.Acknowledged))}, stored(row(1, "a")), history.EditKept, 2},
		{"an edit undone by an older one", []history.Request{at(0, 1, created(1, "a")), at(2, 3, edited(1, "b", history.Acknowledged)), at(4, 5, edited(1, "c", history.Acknowledged))}, stored(row(1, "b")), history.EditKept, 2},
		{"a version that is too low", []history.Request{at(0, 1, created(1, "a")), at(2, 3, edited(1, "b", history.Acknowledged))}, stored(history.Row{Number: 1, Text: "b", Version: 1}), history.EditKept, 1},
		{"a version that is too high", []history.Request{at(0, 1, created(1, "a"))}, stored(history.Row{Number: 1, Text: "a", Version: 2}), history.EditKept, 0},
		{"a delete that is undone", []history.Request{at(0, 1, created(1, "a")), at(2, 3, deleted(1, history.Acknowledged))}, stored(row(1, "a")), history.StaysGone, 1},
		{"an edit of what is deleted", []history.Request{at(0, 1, created(1, "a")), at(2, 3, deleted(1, history.Acknowledged)), at(4, 5, edited(1, "b", history.Acknowledged))}, stored(tombstone(1)), history.StaysGone, 2},
		{"a delete that nobody asked for", []history.Request{at(0, 1, created(1, "a"))}, stored(tombstone(1)), history.Kept, 0},
		{"a row that is not found", []history.Request{at(0, 1, created(1, "a"))}, with(stored(row(1, "a")), func(c *history.Collection) { c.Found = nil }), history.Indexed, 0},
		{"an old text that is found", []history.Request{at(0, 1, created(1, "a")), at(2, 3, edited(1, "b", history.Acknowledged))}, with(stored(row(1, "b")), func(c *history.Collection) { c.Found = []history.Row{row(1, "a")} }), history.Indexed, 0},
		{"a tombstone that is found", []history.Request{at(0, 1, created(1, "a")), at(2, 3, deleted(1, history.Acknowledged))}, with(stored(tombstone(1)), func(c *history.Collection) { c.Found = []history.Row{row(1, "a")} }), history.Indexed, 0},
		{"a hit that comes twice", []history.Request{at(0, 1, created(1, "a"))}, with(stored(row(1, "a")), func(c *history.Collection) { c.Found = append(c.Found, row(1, "a")) }), history.Indexed, 0},
		{"a key with two numbers", []history.Request{at(0, 1, keyed(created(1, "a"), "k")), at(2, 3, keyed(created(2, "a"), "k"))}, stored(row(1, "a")), history.SameKey, 2},
		{"an answer that is none", []history.Request{at(0, 1, history.Request{Text: "a", Unexpected: "status 500"})}, stored(), history.Answered, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			report := history.Check(history.History{Requests: tt.requests}, history.State{in: tt.state}, 0)
			if tt.want == "" {
				if !report.OK() {
					t.Fatal(report)
				}
				return
			}
			if !report.Breaks(tt.want) {
				t.Fatalf("%q is not found broken: %s", tt.want, report)
			}
			for _, v := range report.Violations {
				if v.Invariant == tt.want && len(v.Requests) != tt.requires {
					t.Errorf("%d requests show it, want %d: %s", len(v.Requests), tt.requires, v)
				}
			}
		})
	}
}

func TestReportShowsTheClosestPair(t *testing.T) {
	report := history.Check(history.History{Requests: []history.Request{
		at(0, 1, created(4, "a")), at(2, 3, created(5, "b")), at(4, 5, created(3, "c")),
	}}, history.State{in: stored(row(3, "c"), row(4, "a"), row(5, "b"))}, 2)
	if report.OutOfOrder != 1 || report.Broken != 1 {
		t.Fatal(report)
	}
	if text := report.String(); !strings.Contains(text, `create "b"`) || strings.Contains(text, `create "a"`) {
		t.Errorf("the pair is not the closest one: %s", text)
	}
}

// TestOrderIsLinearizability draws histories of a counter, right and wrong, and
// compares what Check says of their order with what porcupine does.
func TestOrderIsLinearizability(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(t, "creates")
		numbers := rapid.Permutation(numbersTo(n)).Draw(t, "numbers")
		var requests []history.Request
		var operations []porcupine.Operation
		var rows []history.Row
		for i, number := range numbers {
			begin := 2*i + rapid.IntRange(-6, 6).Draw(t, "begin")
			end := begin + rapid.IntRange(1, 12).Draw(t, "took")
			text := fmt.Sprint(number)
			requests = append(requests, at(begin, end, created(number, text)))
			rows = append(rows, row(number, text))
			operations = append(operations, porcupine.Operation{ClientId: i, Call: int64(begin), Return: int64(end), Output: number})
		}
		model := porcupine.Model{
			Init: func() any { return int64(0) },
			Step: func(state, _, output any) (bool, any) { return output.(int64) == state.(int64)+1, output },
		}
		want := porcupine.CheckOperations(model, operations)
		report := history.Check(history.History{Requests: requests}, history.State{in: stored(rows...)}, 0)
		if report.Breaks(history.Ordered) == want {
			t.Fatalf("porcupine says linearizable: %t, and the check: %s", want, report)
		}
	})
}

func numbersTo(n int) []int64 {
	numbers := make([]int64, n)
	for i := range numbers {
		numbers[i] = int64(i + 1)
	}
	return numbers
}
