package local

import (
	"context"
	"time"

	smithytime "github.com/aws/smithy-go/time"
)

const (
	// firstRetry and lastRetry bound the wait between retries, which doubles.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// backoff is the wait between retries.
type backoff struct{ last time.Duration }

func (b *backoff) reset() { b.last = 0 }

// wait waits for twice as long as before, or until ctx is done.
func (b *backoff) wait(ctx context.Context) {
	b.last = min(max(firstRetry, 2*b.last), lastRetry)
	_ = smithytime.SleepWithContext(ctx, b.last)
}

// fill waits for the next batch to fill, unless the last one was full or had a
// single item.
func fill(ctx context.Context, size, limit int, window time.Duration) {
	if size > 1 && size < limit {
		_ = smithytime.SleepWithContext(ctx, window)
	}
}
