package embedded

import (
	"context"

	"go.etcd.io/bbolt"
)

// SendRaw puts any body into the queue, which no client of the package can.
func (q *Queue) SendRaw(ctx context.Context, body string) error {
	return q.append(ctx, body, func(*bbolt.Tx) error { return nil })
}
