package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"chatapi/pkg/chat"
)

// Drain stores the creates in the queue and indexes the changes in the stream of
// a backend that no server uses. A create that cannot be stored yet stays in the
// queue, and is logged.
func Drain(ctx context.Context, log *slog.Logger, p chat.Ports) error {
	queue, stream := newQueuePoller(p, log), newStreamPoller(p, log)
	for {
		deliveries, err := queue.receive(ctx)
		if err != nil {
			return fmt.Errorf("receive creates: %w", err)
		}
		if len(deliveries) == 0 {
			break
		}
		if failed := queue.store(ctx, deliveries); len(failed) == len(deliveries) {
			return errors.New("store creates: the store accepts no writes")
		}
	}
	for {
		size, err := stream.poll(ctx)
		if err != nil {
			return fmt.Errorf("index changes: %w", err)
		}
		if size == 0 {
			return nil
		}
	}
}
