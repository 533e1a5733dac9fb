package local

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// TestAwaitFailure checks that the error of a failed backend is never lost, and
// how long the server goes on.
func TestAwaitFailure(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name    string
		failed  bool
		timeout time.Duration // of the context
		want    error
		after   time.Duration
	}{
		{"the backend failed", true, time.Hour, broken, 5 * time.Second},
		{"the server is stopped after the backend failed", true, time.Second, broken, time.Second},
		{"the server is stopped", false, time.Second, nil, time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tt.timeout)
				defer cancel()
				failed := make(chan error, 1)
				if tt.failed {
					failed <- broken
				}
				begun := time.Now()
				err := awaitFailure(ctx, slog.New(slog.DiscardHandler), failed)
				if !errors.Is(err, tt.want) || time.Since(begun) != tt.after {
					t.Errorf("error %v after %v, want %v after %v", err, time.Since(begun), tt.want, tt.after)
				}
			})
		})
	}
}
