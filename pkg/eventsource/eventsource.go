// Package eventsource adapts the consumers to Lambda's event source mappings:
// events of SQS queues and DynamoDB streams in, partial batch responses out.
package eventsource

import (
	"context"
	"log/slog"
)

// DeadLetters is the part of chat.DeadLetters that a consumer needs.
type DeadLetters interface {
	Send(ctx context.Context, reason string, body []byte) error
}

// consumer is what queue and stream handlers have in common.
type consumer struct {
	deadLetters DeadLetters
	log         *slog.Logger
}

// failed is a batch item that failed.
type failed struct {
	err       error
	permanent bool                   // it will fail again
	body      func() ([]byte, error) // of its dead letter
	name      slog.Attr
}

// settle reports whether a failed item needs no retry, because it will fail
// again and is now a dead letter. It logs the failure.
func (c consumer) settle(ctx context.Context, f failed) bool {
	if !f.permanent || ctx.Err() != nil {
		c.log.LogAttrs(ctx, slog.LevelWarn, "batch item failed; it is retried", f.name, slog.Any("error", f.err))
		return false
	}
	c.log.LogAttrs(ctx, slog.LevelError, "batch item becomes a dead letter", f.name, slog.Any("error", f.err))
	body, err := f.body()
	if err == nil {
		err = c.deadLetters.Send(ctx, f.err.Error(), body)
	}
	if err != nil {
		c.log.LogAttrs(ctx, slog.LevelError, "dead letter not sent; the item is retried",
			f.name, slog.Any("error", err))
	}
	return err == nil
}
