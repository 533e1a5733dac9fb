package local

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// outage logs when something begins to fail and when it works again, and not every
// retry.
type outage struct {
	log  *slog.Logger
	what string // is retried, such as "receive creates"

	mu    sync.Mutex
	since time.Time // zero while it works
}

func newOutage(log *slog.Logger, what string) *outage { return &outage{log: log, what: what} }

// failed logs the first failure.
func (o *outage) failed(ctx context.Context, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.since.IsZero() {
		return
	}
	o.since = time.Now()
	o.log.WarnContext(ctx, "cannot "+o.what+"; retrying", "error", err)
}

// over logs that it works again, unless the attempt that succeeded began before
// the first failure.
func (o *outage) over(ctx context.Context, begun time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() || begun.Before(o.since) {
		return
	}
	o.log.InfoContext(ctx, "can "+o.what+" again", "after", time.Since(o.since).Round(time.Millisecond))
	o.since = time.Time{}
}
