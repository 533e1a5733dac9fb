package chat

import (
	"context"
	"time"
)

// DeadLetters is the port to what could not be dealt with, for those who look
// after it. Every method may return an error that wraps ErrUnavailable.
type DeadLetters interface {
	// Take returns up to most letters that it has not returned before, and none
	// once there are no others. On a queue that is shared nobody else gets them
	// for some minutes, or until Release.
	Take(ctx context.Context, most int) ([]DeadLetter, error)
	// Delete removes a letter that is dealt with. Again is no change.
	Delete(ctx context.Context, letter DeadLetter) error
	// Release lets go of the letters that were taken and not deleted.
	Release(ctx context.Context) error
}

// DeadLetter is a create that was never stored, or what is known of changes
// that were never indexed.
type DeadLetter struct {
	ID     string    `json:"id"` // the same each time that it is taken
	Reason string    `json:"reason,omitempty"`
	SentAt time.Time `json:"sent_at"` // when it became a dead letter or, on SQS, a create was sent first
	Body   string    `json:"body"`    // of the create or the stream record, as it came
}
