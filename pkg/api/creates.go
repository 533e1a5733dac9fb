package api

import (
	"context"
	"errors"
	"fmt"

	"chatapi/pkg/chat"
)

// creates allocates the number of a create and makes the create durable.
type creates struct {
	store chat.Store
	queue chat.Queue
	keys  chat.Idempotency
}

// keep returns nil once a create is durable: in the queue or, if the queue
// refuses it, in the rows. The queue may have accepted it all the same: storing a
// create twice changes nothing.
func (c creates) keep(ctx context.Context, create chat.Create) error {
	refused := c.queue.Send(ctx, create)
	if refused == nil {
		return nil
	}
	if err := create.Store(ctx, c.store); err != nil {
		return fmt.Errorf("keep create: %w", errors.Join(refused, err))
	}
	logger(ctx).WarnContext(ctx, "queue refused a create; stored it directly", "error", refused)
	return nil
}
