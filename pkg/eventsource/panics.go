package eventsource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
)

// errPanicked is returned for an item that makes the consumer panic. It becomes a
// dead letter.
var errPanicked = errors.New("the consumer panicked")

// consumeAll passes items to consume, which returns one error per item. If it
// panics, consumeAll passes each item alone, so that the one that is at fault
// does not stop the others again with each delivery.
func consumeAll[Item any](
	ctx context.Context, log *slog.Logger, items []Item, consume func(context.Context, []Item) []error,
) []error {
	errs, err := consumeOnce(ctx, log, items, consume)
	if err == nil {
		return errs
	}
	if len(items) == 1 {
		return []error{err}
	}
	errs = make([]error, len(items))
	for i := range items {
		errs[i] = consumeAll(ctx, log, items[i:i+1], consume)[0]
	}
	return errs
}

// consumeOnce calls consume and returns an error that wraps errPanicked if it
// panics.
func consumeOnce[Item any](
	ctx context.Context, log *slog.Logger, items []Item, consume func(context.Context, []Item) []error,
) (errs []error, err error) {
	defer func() {
		if p := recover(); p != nil {
			log.ErrorContext(ctx, "panic", "items", len(items), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: %v", errPanicked, p)
		}
	}()
	return consume(ctx, items), nil
}
