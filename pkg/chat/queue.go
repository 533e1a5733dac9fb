package chat

import (
	"context"
	"time"
)

// Queue is the port to the queue of creates, as the API uses it.
type Queue interface {
	// Send puts a create into the queue. When it returns nil the create is
	// durable and will be received at least once. An error wraps
	// ErrUnavailable; the create may be in the queue all the same.
	Send(ctx context.Context, create Create) error
	// Ping returns an error where the queue does not answer.
	Ping(ctx context.Context) error
}

// Receiver is the other end of a queue, as a consumer on one machine uses it;
// on AWS, Lambda's event source mapping stands in its place.
type Receiver interface {
	// Receive returns up to most deliveries and hides them from other
	// receivers for the queue's visibility timeout. Where there are none it
	// waits for some, for a time of its own, then returns none and no error,
	// unless ctx is done.
	Receive(ctx context.Context, most int) ([]Delivery, error)
	// Delete removes deliveries that are dealt with. What is not deleted is
	// delivered again after the visibility timeout; after MaxReceives
	// deliveries it goes to the dead letters instead.
	Delete(ctx context.Context, deliveries []Delivery) error
}

// MaxReceives is how often a create is delivered before it goes to the dead
// letters.
const MaxReceives = 5

// Delivery is one delivery of a create.
type Delivery struct {
	ID       string    // of the create in the queue, the same at each delivery
	Receipt  string    // of this delivery
	Body     string    // as EncodeCreate made it, or whatever else was sent
	Receives int       // deliveries so far, this one among them
	SentAt   time.Time // when the create was sent
}
