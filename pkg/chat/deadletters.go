package chat

import (
	"context"
	"time"
)

// DeadLetters is the port to the dead letters of one source: creates that were
// not stored, or changes that were not indexed. Every method may return an
// error that wraps ErrUnavailable.
type DeadLetters interface {
	// Send adds a dead letter: what could not be done, as it came, and why.
	Send(ctx context.Context, reason string, body []byte) error
	// Receive returns up to limit dead letters that it has not returned before,
	// and none when there are no others. On a shared queue nobody else gets
	// them for some minutes, or until Release.
	Receive(ctx context.Context, limit int) ([]DeadLetter, error)
	// Delete removes a dead letter. Deleting again is safe.
	Delete(ctx context.Context, letter DeadLetter) error
	// Release makes the dead letters that were received and not deleted
	// visible again.
	Release(ctx context.Context) error
}

// DeadLetter is a create that was not stored, or what is known of changes that
// were not indexed.
type DeadLetter struct {
	ID     string    `json:"id"` // the same each time it is received
	Reason string    `json:"reason,omitempty"`
	SentAt time.Time `json:"sent_at"` // on SQS, when a create was enqueued or a change became a dead letter
	Body   string    `json:"body"`    // of the create or the stream record, as it came
}
