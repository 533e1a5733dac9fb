package api

import (
	"context"
	"errors"
	"fmt"

	"chatapi/pkg/chat"
)

// creates gives what is created its number, and keeps it until the writer
// stores it.
type creates struct {
	store chat.Store
	queue chat.Queue
	keys  chat.Idempotency
}

// keep returns nil once a create is durable: in the queue or, where the queue
// refuses it, in the rows. A queue that took it and failed to say so does no
// harm: storing a create twice changes nothing.
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
