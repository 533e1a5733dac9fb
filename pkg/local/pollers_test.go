package local

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestBlocked counts for how long each change blocks the stream.
func TestBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b blocked
		for _, tt := range []struct {
			name     string
			sequence uint64
			want     time.Duration
		}{
			{"the first failure", 1, 0},
			{"the same change an hour later", 1, time.Hour},
			{"and another hour later", 1, 2 * time.Hour},
			{"another change", 2, 0},
			{"the same an hour later", 2, time.Hour},
			{"the first again, of a new stream", 1, 0},
		} {
			if got := b.by(tt.sequence); got != tt.want {
				t.Errorf("%s: blocked for %v, want %v", tt.name, got, tt.want)
			}
			time.Sleep(time.Hour)
		}
	})
}
