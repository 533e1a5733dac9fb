package chat

import (
	"context"
	"time"
)

// Stream is the port to the changes of message rows, as a consumer on one
// machine uses it; on AWS, Lambda's event source mapping stands in its place.
type Stream interface {
	// Read returns up to most changes after the checkpoint, oldest first.
	// Where there are none it waits for some, for a time of its own, then
	// returns none and no error, unless ctx is done.
	Read(ctx context.Context, most int) ([]Change, error)
	// Checkpoint forgets the changes up to and with this sequence number.
	Checkpoint(ctx context.Context, sequence uint64) error
}

// Change is one change of one message's row. The changes of one message come
// in the order in which they happened.
type Change struct {
	Sequence uint64
	At       time.Time
	Old      *Message // nil where the row is new
	New      *Message // nil where the row is gone
}
