package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// Drain stores the creates that wait in the queue and indexes the changes that
// wait in the stream, for a backend that nobody serves. A create that cannot be
// stored stays in the queue, and is logged.
func Drain(ctx context.Context, log *slog.Logger, b Backend) error {
	queue, stream := newQueuePoller(b, log), newStreamPoller(b, log)
	for size := 1; size > 0; {
		var err error
		if size, err = queue.poll(ctx); err != nil && !errors.Is(err, errIncomplete) {
			return fmt.Errorf("store what is queued: %w", err)
		}
	}
	for size := 1; size > 0; {
		var err error
		if size, err = stream.poll(ctx); err != nil {
			return fmt.Errorf("index what changed: %w", err)
		}
	}
	return nil
}
