// Package follow reads a growing list, such as the messages of a chat, in the
// order of its numbers: each item once, none before a lower one, and none missed
// because it was stored a moment after a higher one.
package follow

import (
	"context"
	"slices"
	"time"
)

// Row is an item of a list with its number and the time of its creation. For a
// tombstone the time may be later, but not earlier. If Void is set, there is no
// item and never will be.
type Row[T any] struct {
	Number int64
	At     time.Time
	Item   T
	Void   bool
}

// Page holds some rows of a list, in ascending order of their numbers.
type Page[T any] struct {
	Rows []Row[T]
	More bool      // more rows follow
	At   time.Time // the server's time; zero if it is not known
}

// List returns a page of the rows with numbers above after, beginning with the
// lowest.
type List[T any] func(ctx context.Context, after int64) (Page[T], error)

// Reader reads a list. Rows are stored a moment after their numbers are
// allocated, so a number may be missing for a while below one that is listed,
// or forever if its create failed. The reader waits for a missing number until
// it is void or a higher one has been listed for the time that the reader
// waits; then it continues above the gap.
type Reader[T any] struct {
	list  List[T]
	after int64         // the highest number read or no longer waited for
	wait  time.Duration // limit of waiting for a missing number
	now   func() time.Time
	gap   time.Time // when the number above after was first missing; zero if it is not
}

// New returns a reader of the rows with numbers above after. It waits for a
// missing number for at most wait.
func New[T any](list List[T], after int64, wait time.Duration) *Reader[T] {
	return &Reader[T]{list: list, after: after, wait: wait, now: time.Now}
}

// State is what a reader knows of the list beyond the rows it returned.
type State int

const (
	// CaughtUp means that the list has no further rows.
	CaughtUp State = iota
	// More means that further rows can be read at once.
	More
	// Waiting means that there are further rows above a missing number that the
	// reader waits for.
	Waiting
)

// Next returns the next rows, without void ones, with one call of the list.
// There may be none. After an error it can be called again.
func (r *Reader[T]) Next(ctx context.Context) ([]Row[T], State, error) {
	page, err := r.list(ctx, r.after)
	if err != nil {
		return nil, CaughtUp, err
	}
	for i, row := range page.Rows {
		if row.Number != r.after+1 && !r.givenUp(row.At, page.At) {
			return withItems(page.Rows[:i]), Waiting, nil
		}
		r.after, r.gap = row.Number, time.Time{}
	}
	if page.More {
		return withItems(page.Rows), More, nil
	}
	return withItems(page.Rows), CaughtUp, nil
}

// withItems returns the rows that are not void.
func withItems[T any](rows []Row[T]) []Row[T] {
	return slices.DeleteFunc(rows, func(r Row[T]) bool { return r.Void })
}

// givenUp reports whether the reader no longer waits for the numbers missing
// below a row, because the row has been listed long enough by this clock or by
// the server's. They were allocated before the row was created.
func (r *Reader[T]) givenUp(created, server time.Time) bool {
	if server.Sub(created) > r.wait {
		return true
	}
	now := r.now()
	if r.gap.IsZero() {
		r.gap = now
	}
	return now.Sub(r.gap) > r.wait
}

// After returns the highest number that was read or is no longer waited for.
func (r *Reader[T]) After() int64 { return r.after }
