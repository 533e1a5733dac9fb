package search

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded/disk"

	"github.com/blevesearch/bleve/v2/index/scorch"
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

// TestFailedSync checks which errors of the engine make the disk fail.
func TestFailedSync(t *testing.T) {
	for _, tt := range []struct {
		text string
		want bool
	}{
		{"got err persisting snapshot: sync /data/search/000000000001.zap: input/output error", true},
		{"got err persisting snapshot: input/output error", true},
		{"got err persisting snapshot: no space left on device", true},
		{"got err persisting snapshot: file sync error: sync /data/search/root.bolt: input/output error", true},
		{"got err removing old bolt snapshots: input/output error", true},
		{"merging err: sync /data/search/000000000002.zap: input/output error", true},
		{"got err persisting snapshot: write /data/search/root.bolt: no space left on device", false},
		{"got err persisting snapshot: open /data/search/000000000001.zap: no space left on device", false},
		{"merging err: the segment is damaged", false},
	} {
		d := disk.New()
		onPersistError(d, scorch.NewScorchError("persister", tt.text, scorch.ErrCleanup))
		if failed := d.Err() != nil; failed != tt.want {
			t.Errorf("%q: the disk failed: %t, want %t", tt.text, failed, tt.want)
		}
	}
}
