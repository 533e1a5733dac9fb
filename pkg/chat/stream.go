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

// StreamBatch names changes of a stream by their place in it, as Lambda does
// where it gives up on them.
type StreamBatch struct {
	Stream string // ARN
	Shard  string
	First  string // sequence number
	Last   string
}

// BatchStream is the port to changes that were read before.
type BatchStream interface {
	// ReadBatch returns the changes of a batch, or ErrChangesGone.
	ReadBatch(ctx context.Context, batch StreamBatch) ([]Change, error)
}

// Change is one change of one message's row. The changes of one message come
// in the order in which they happened.
type Change struct {
	Sequence uint64
	At       time.Time
	Old      *Message // nil where the row is new
	New      *Message // nil where the row is gone
}
