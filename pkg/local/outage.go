package local

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"chatapi/pkg/chat"
)

// outage logs the begin and the end of a time in which something fails, and
// not every try in between.
type outage struct {
	log  *slog.Logger
	what string // that is tried again and again, e.g. "receive creates"

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
	o.log.WarnContext(ctx, "cannot "+o.what+"; trying until it works", "error", err)
}

// over logs that it works again, where a try succeeded that began after the
// first failure: an earlier one says nothing new.
func (o *outage) over(ctx context.Context, begun time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() || begun.Before(o.since) {
		return
	}
	o.log.InfoContext(ctx, "can "+o.what+" again", "after", time.Since(o.since).Round(time.Millisecond))
	o.since = time.Time{}
}

// logger returns a log for a consumer that names every record of every try.
// What it says of an engine that is unavailable counts as a failure; all else
// is logged as it is.
func (o *outage) logger() *slog.Logger {
	return slog.New(outageHandler{Handler: o.log.Handler(), outage: o})
}

type outageHandler struct {
	slog.Handler
	outage *outage
}

// Handle implements slog.Handler.
func (h outageHandler) Handle(ctx context.Context, r slog.Record) error {
	if err := unavailable(r); err != nil {
		h.outage.failed(ctx, err)
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h outageHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return outageHandler{Handler: h.Handler.WithAttrs(attrs), outage: h.outage}
}

// WithGroup implements slog.Handler.
func (h outageHandler) WithGroup(name string) slog.Handler {
	return outageHandler{Handler: h.Handler.WithGroup(name), outage: h.outage}
}

// unavailable returns the error of a record that says that an engine is
// unavailable, else nil.
func unavailable(r slog.Record) (found error) {
	r.Attrs(func(a slog.Attr) bool {
		err, ok := a.Value.Any().(error)
		if ok && (errors.Is(err, chat.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)) {
			found = err
		}
		return found == nil
	})
	return found
}
