package chattest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"chatapi/pkg/chat"
)

// DeadLettersUnderTest is a place of dead letters with nothing in it.
type DeadLettersUnderTest struct {
	// Open returns the letters as a new process sees them.
	Open func(t *testing.T) chat.DeadLetters
}

// DeadLetters is the contract of the port chat.DeadLetters. It runs its cases
// side by side and calls open for each.
func DeadLetters(t *testing.T, open func(t *testing.T) DeadLettersUnderTest) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, d deadLettersTest)
	}{
		{"letters are taken as they were sent", takeLetters},
		{"each letter is taken once", takeInParts},
		{"letters that are released are taken again", releaseLetters},
		{"a letter that is deleted is gone", deleteLetters},
		{"an end of the context ends a take", cancelledLetters},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, deadLettersTest{open(t)})
		})
	}
}

type deadLettersTest struct{ DeadLettersUnderTest }

func (d deadLettersTest) send(t *testing.T, n int) {
	t.Helper()
	letters := d.Open(t)
	for i := range n {
		if err := letters.Send(t.Context(), fmt.Sprintf("reason %d", i), fmt.Appendf(nil, `{"letter":%d}`, i)); err != nil {
			t.Fatal(err)
		}
	}
}

// take takes letters until it has n.
func (d deadLettersTest) take(t *testing.T, letters chat.DeadLetters, n, most int) (taken []chat.DeadLetter) {
	t.Helper()
	for len(taken) < n {
		some, err := letters.Receive(t.Context(), most)
		if err != nil {
			t.Fatal(err)
		}
		if len(some) == 0 {
			t.Fatalf("%d letters, want %d", len(taken), n)
		}
		if len(some) > most {
			t.Fatalf("%d letters at a time, want %d at most", len(some), most)
		}
		taken = append(taken, some...)
	}
	return taken
}

func (d deadLettersTest) wantNone(t *testing.T, letters chat.DeadLetters) {
	t.Helper()
	if more, err := letters.Receive(t.Context(), 10); len(more) > 0 || err != nil {
		t.Errorf("took %v, error %v, want none", more, err)
	}
}

func takeLetters(t *testing.T, d deadLettersTest) {
	d.send(t, 1)
	letters := d.Open(t)
	letter := d.take(t, letters, 1, 10)[0]
	if letter.Reason != "reason 0" || letter.Body != `{"letter":0}` || letter.ID == "" || time.Since(letter.SentAt) > patience {
		t.Errorf("took %+v", letter)
	}
	d.wantNone(t, letters)
}

func takeInParts(t *testing.T, d deadLettersTest) {
	const n = 23
	d.send(t, n)
	letters := d.Open(t)
	ids := map[string]bool{}
	for _, letter := range d.take(t, letters, n, 7) {
		ids[letter.ID] = true
	}
	if len(ids) != n {
		t.Errorf("%d different letters, want %d", len(ids), n)
	}
	d.wantNone(t, letters)
}

func releaseLetters(t *testing.T, d deadLettersTest) {
	d.send(t, 12)
	letters := d.Open(t)
	first := d.take(t, letters, 12, 10)
	if err := letters.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, again := range []chat.DeadLetters{letters, d.Open(t)} {
		wantEqual(t, sortedIDs(d.take(t, again, 12, 10)), sortedIDs(first))
		if err := again.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func sortedIDs(letters []chat.DeadLetter) (ids []string) {
	for _, letter := range letters {
		ids = append(ids, letter.ID)
	}
	slices.Sort(ids)
	return ids
}

func deleteLetters(t *testing.T, d deadLettersTest) {
	d.send(t, 3)
	letters := d.Open(t)
	taken := d.take(t, letters, 3, 10)
	for range 2 {
		if err := letters.Delete(t.Context(), taken[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := letters.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := d.Open(t)
	wantEqual(t, sortedIDs(d.take(t, left, 2, 10)), sortedIDs([]chat.DeadLetter{taken[0], taken[2]}))
	d.wantNone(t, left)
}

func cancelledLetters(t *testing.T, d deadLettersTest) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Open(t).Receive(ctx, 1); err == nil {
		t.Error("no error")
	}
}
