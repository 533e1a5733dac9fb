package chat

import (
	"context"
	"errors"
	"time"
)

// Queue is the port to the queue of creates, as the API uses it.
type Queue interface {
	// Send enqueues a create. When it returns nil the create is durable and
	// will be delivered at least once. An error wraps ErrUnavailable; the
	// create may be in the queue all the same.
	Send(ctx context.Context, create Create) error
	// Ping returns an error if the queue does not respond.
	Ping(ctx context.Context) error
}

// Receiver is the port to the other end of the queue, as the consumer on one
// machine uses it. On AWS, Lambda's event source mapping receives instead.
type Receiver interface {
	// Receive returns up to limit deliveries and hides them from other
	// receivers for the queue's visibility timeout. If there are none it waits
	// for some, for a time that the queue sets, and then returns none and no
	// error, unless ctx is done.
	Receive(ctx context.Context, limit int) ([]Delivery, error)
	// Delete removes deliveries that are done. What is not deleted is delivered
	// again after the visibility timeout; after the queue's maximum number of
	// receives it becomes a dead letter instead.
	Delete(ctx context.Context, deliveries []Delivery) error
}

// Delivery is one delivery of a create.
type Delivery struct {
	ID       string    // of the create in the queue, the same in each delivery
	Receipt  string    // of this delivery
	Body     string    // as EncodeCreate returned it, or whatever else was sent
	Receives int       // deliveries so far, including this one
	SentAt   time.Time // when the create was enqueued
}

// Retryable reports whether repeating the call that failed with err may succeed:
// an engine was unavailable or time ran out.
func Retryable(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
