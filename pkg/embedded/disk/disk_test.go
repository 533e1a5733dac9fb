package disk_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"chatapi/pkg/embedded/disk"
)

// TestNewFolderIsDurable checks that each folder is synced in which a name is
// new.
func TestNewFolderIsDurable(t *testing.T) {
	dir := t.TempDir()
	var synced []string
	d := disk.WithHooks(disk.Hooks{Sync: func(f *os.File) error {
		synced = append(synced, f.Name())
		return f.Sync()
	}})
	for range 2 { // the second time nothing is new
		if err := d.CreateFolder(filepath.Join(dir, "a", "b")); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{dir, filepath.Join(dir, "a")}; !slices.Equal(synced, want) {
		t.Errorf("synced %q, want %q", synced, want)
	}
}

// TestFailedSyncIsRemembered checks that nothing is written after a failed sync,
// though the next one would succeed.
func TestFailedSyncIsRemembered(t *testing.T) {
	broken := errors.New("broken")
	fail := true
	d := disk.WithHooks(disk.Hooks{Sync: func(f *os.File) error {
		if fail {
			return broken
		}
		return f.Sync()
	}})
	path := filepath.Join(t.TempDir(), "file")
	for range 2 {
		if err := d.WriteFile(path, []byte("data")); !errors.Is(err, broken) {
			t.Errorf("error %v, want %v", err, broken)
		}
		fail = false
	}
	if err := <-d.Failed(); !errors.Is(err, broken) || !errors.Is(d.Err(), broken) {
		t.Errorf("failed with %v and %v, want %v", err, d.Err(), broken)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file exists, error %v", err)
	}
}
