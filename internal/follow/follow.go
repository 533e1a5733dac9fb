// Package follow reads a list that grows, such as the messages of a chat, in
// the order of its numbers: none twice, none before a lower one, and none left
// out because it was stored a moment after a higher one.
package follow

import (
	"context"
	"time"
)

// Row is an item of a list, its number, and when it was created; for the
// tombstone of an item that may be later, but not earlier.
type Row[T any] struct {
	Number int64
	At     time.Time
	Item   T
}

// Page is some rows of a list, by ascending number.
type Page[T any] struct {
	Rows []Row[T]
	More bool      // whether rows follow
	At   time.Time // the server's time, zero where it is not known
}

// List returns the rows with numbers above after, beginning with the lowest.
type List[T any] func(ctx context.Context, after int64) (Page[T], error)

// Reader reads a list. Rows are stored a moment after their numbers are given
// out, so a number may be missing for a while below one that is there; and a
// number whose create failed is missing for ever. The reader waits for a
// missing number, but not for ever: once a higher one has been there for the
// time it waits, the reader goes on above the gap.
type Reader[T any] struct {
	list  List[T]
	after int64         // the highest number read, or given up
	wait  time.Duration // for a missing number
	now   func() time.Time
	gap   time.Time // since when the number above after is missed; zero where none is
}

// New returns a reader of the rows above a number that waits so long for a
// missing number.
func New[T any](list List[T], after int64, wait time.Duration) *Reader[T] {
	return &Reader[T]{list: list, after: after, wait: wait, now: time.Now}
}

// State is what a reader knows of the list beyond the rows it returned.
type State int

const (
	// Caught says that nothing more was there.
	Caught State = iota
	// More says that more can be read now.
	More
	// Waiting says that rows are there, above a missing number that is waited
	// for.
	Waiting
)

// Next returns the next rows with one call of the list. There may be none.
// After an error it can be called again.
func (r *Reader[T]) Next(ctx context.Context) ([]Row[T], State, error) {
	page, err := r.list(ctx, r.after)
	if err != nil {
		return nil, Caught, err
	}
	for i, row := range page.Rows {
		if row.Number != r.after+1 && !r.givenUp(row.At, page.At) {
			return page.Rows[:i], Waiting, nil
		}
		r.after, r.gap = row.Number, time.Time{}
	}
	if page.More {
		return page.Rows, More, nil
	}
	return page.Rows, Caught, nil
}

// givenUp reports whether the numbers missing below a row are waited for no
// more: the row was there long enough, by this clock or by the server's. They
// were given out before the row was created.
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

// After returns the highest number that was read or given up.
func (r *Reader[T]) After() int64 { return r.after }
