package embedded_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/chat/chattest"
	"chatapi/pkg/embedded"
)

func TestRebuild(t *testing.T) {
	chattest.Rebuild(t, func(t *testing.T) chattest.RebuildUnderTest {
		dir := t.TempDir()
		makeFolder(t, dir)
		return chattest.RebuildUnderTest{
			Open: func(t *testing.T) (chat.VersionIndex, func()) {
				b, err := embedded.Open(dir, embedded.Options{})
				if err != nil {
					t.Fatal(err)
				}
				return b.Index, func() { closeNow(t, b.Close) }
			},
			Begin: func(t *testing.T) (chat.Rebuild, func()) {
				b, err := embedded.OpenRebuild(dir)
				if err != nil {
					t.Fatal(err)
				}
				return b, func() { closeNow(t, b.Close) }
			},
		}
	})
}

// makeFolder makes an empty data folder.
func makeFolder(t *testing.T, dir string) {
	t.Helper()
	b, err := embedded.Open(dir, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	closeNow(t, b.Close)
}

func closeNow(t *testing.T, closeIt func() error) {
	t.Helper()
	if err := closeIt(); err != nil {
		t.Error(err)
	}
}

// TestRebuildNeedsTheFolderAlone checks that no index is rebuilt beside a
// server, which would change the rows.
func TestRebuildNeedsTheFolderAlone(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, embedded.Options{})
	if _, err := embedded.OpenRebuild(dir); !errors.Is(err, embedded.ErrInUse) {
		t.Errorf("a rebuild beside a server: error %v, want %v", err, embedded.ErrInUse)
	}
}

// TestMissingFolder holds that what repairs makes no folder.
func TestMissingFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	if _, err := embedded.OpenRebuild(dir); !errors.Is(err, embedded.ErrMissing) {
		t.Errorf("OpenRebuild: error %v, want %v", err, embedded.ErrMissing)
	}
	if _, err := embedded.Open(dir, embedded.Options{Existing: true}); !errors.Is(err, embedded.ErrMissing) {
		t.Errorf("Open: error %v, want %v", err, embedded.ErrMissing)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder was created: %v", err)
	}
}

// TestSwitchOutlivesAKill cuts a switch off between each two of its steps:
// afterwards the folder has the new index, whole.
func TestSwitchOutlivesAKill(t *testing.T) {
	at := time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)
	app, err := chat.NewApp("kill", nil, at)
	if err != nil {
		t.Fatal(err)
	}
	id := chat.ChatID{AppToken: app.Token, Number: 1}
	m := chat.Message{AppToken: id.AppToken, ChatNumber: id.Number, Number: 1, Body: "new", Version: 2, CreatedAt: at, UpdatedAt: at}
	for _, tt := range []struct {
		name string
		cut  func(t *testing.T, dir string) // undoes the steps after the cut
	}{
		{"once the build is complete", func(*testing.T, string) {}},
		{"once the old index is removed", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "search")) }},
		{"once the new index is in its place", func(t *testing.T, dir string) {
			remove(t, filepath.Join(dir, "search"))
			if err := os.Rename(filepath.Join(dir, "rebuild", "search"), filepath.Join(dir, "search")); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			live, err := embedded.Open(dir, embedded.Options{})
			if err != nil {
				t.Fatal(err)
			}
			old := m
			old.Body, old.Version = "old", 1
			closeNow(t, func() error {
				return errors.Join(errors.Join(live.Index.Apply(t.Context(), []chat.Message{old})...), live.Close())
			})
			build, err := embedded.OpenRebuild(dir)
			if err != nil {
				t.Fatal(err)
			}
			closeNow(t, func() error {
				return errors.Join(errors.Join(build.Apply(t.Context(), []chat.Message{m})...), build.Save(t.Context(), chat.Progress{Scanned: true}), build.Close())
			})
			complete := []byte(`{"progress":{"messages":1,"scanned":true},"complete":true}`)
			if err := os.WriteFile(filepath.Join(dir, "rebuild", "progress.json"), complete, 0o600); err != nil {
				t.Fatal(err)
			}
			tt.cut(t, dir)
			held, err := open(t, dir, embedded.Options{}).Index.Versions(t.Context(), id, 1, 9)
			if err != nil || len(held) != 1 || held[1].Version != 2 {
				t.Errorf("the index holds versions %v, error %v, want the new one", held, err)
			}
			if _, err := os.Stat(filepath.Join(dir, "rebuild")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the build's folder is left: %v", err)
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}
