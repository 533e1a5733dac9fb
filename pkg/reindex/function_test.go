package reindex_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/reindex"
)

// TestFunction invokes the function with too little time, then with enough.
func TestFunction(t *testing.T) {
	dir, _, _ := folder(t, 3)
	b := openBuild(t, dir)
	t.Cleanup(func() { _ = b.Close() })
	f := reindex.Function{
		Scanner: b.Scanner, Begin: func(context.Context) (chat.Rebuild, error) { return b, nil }, Log: slog.New(slog.DiscardHandler),
	}
	for _, tt := range []struct {
		time time.Duration
		want reindex.Result
	}{{time.Minute, reindex.Result{}}, {15 * time.Minute, reindex.Result{Done: true, Messages: 3}}} {
		ctx, cancel := context.WithTimeout(t.Context(), tt.time)
		defer cancel()
		if got, err := f.Handle(ctx); err != nil || got != tt.want {
			t.Errorf("in %v: %+v, error %v, want %+v", tt.time, got, err, tt.want)
		}
	}
}
