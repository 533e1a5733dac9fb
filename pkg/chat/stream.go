package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Stream is the port to the changes of message rows, as the consumer on one
// machine uses it. On AWS, Lambda's event source mapping reads the stream
// instead.
type Stream interface {
	// Read returns up to limit changes after the checkpoint, oldest first. If
	// there are none it waits for some, for a time that the stream sets, and
	// then returns none and no error, unless ctx is done.
	Read(ctx context.Context, limit int) ([]Change, error)
	// Checkpoint discards the changes up to and including this sequence number.
	Checkpoint(ctx context.Context, sequence uint64) error
}

// StreamBatch names changes by their place in a DynamoDB stream, as Lambda does
// when it gives up on them.
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
	Sequence uint64    `json:"sequence"`
	At       time.Time `json:"at"`
	Old      *Message  `json:"old,omitempty"` // nil if the row is new
	New      *Message  `json:"new,omitempty"` // nil if the row was removed
}

// Message returns the message as the change left it. A row that was removed,
// which only an operator does, is a deleted message. With an error it returns
// what is known of the message: its chat and number, or nothing.
func (c Change) Message() (Message, error) {
	var m Message
	switch {
	case c.New != nil:
		m = *c.New
	case c.Old != nil:
		m = c.Old.Tombstone(c.At)
	default:
		return Message{}, fmt.Errorf("change %d has no message", c.Sequence)
	}
	if m.Version < 1 {
		return m, fmt.Errorf("the row of %s is not a message", MessageName(m.ChatNumber, m.Number))
	}
	return m, nil
}

// EncodeChange returns the JSON of a change, as dead letters hold it.
func EncodeChange(c Change) ([]byte, error) {
	data, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode change %d: %w", c.Sequence, err)
	}
	return data, nil
}
