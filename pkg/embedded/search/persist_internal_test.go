package search

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded/disk"
)

// TestPauseWhileTheDiskFails holds that a disk that takes no writes costs no
// core, and that all goes on when it does.
func TestPauseWhileTheDiskFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "search")
	x, err := Open(dir, disk.New())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+".away"); err != nil { // no file can be created there
		t.Fatal(err)
	}
	m := chat.Message{AppToken: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ChatNumber: 1, Number: 1, Body: "hello", Version: 1, CreatedAt: time.Now(), UpdatedAt: time.Now()}
	tries := func() uint64 { return x.engine.StatsMap()["TotPersistLoopErr"].(uint64) }
	begun := time.Now()
	for tries() == 0 {
		ctx, cancel := context.WithTimeout(t.Context(), 2*persistPause)
		if errs := x.Apply(ctx, []chat.Message{m}); errs == nil {
			t.Error("no error, though nothing can be written")
		}
		cancel()
	}
	if n, limit := tries(), uint64(time.Since(begun)/persistPause)+1; n > limit {
		t.Errorf("%d tries, want at most %d", n, limit)
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	if errs := x.Apply(t.Context(), []chat.Message{m}); errs != nil {
		t.Errorf("errors %v, want none", errs)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}
