package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// format is the format of a data folder that this version reads and writes.
const format = 5

const markerName = "chatapi.json"

// marker says what a data folder is.
type marker struct {
	Format int `json:"chatapi_data_format"`
}

// mustExist returns ErrMissing if dir is not a data folder yet.
func mustExist(dir string) error {
	_, err := os.Stat(filepath.Join(dir, markerName))
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrMissing
	}
	if err != nil {
		return fmt.Errorf("open data folder %s: %w", dir, err)
	}
	return nil
}

// claim checks that dir is a data folder of this format, or creates one.
func claim(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create data folder: %w", err)
	}
	data, err := os.ReadFile(filepath.Join(dir, markerName))
	if errors.Is(err, fs.ErrNotExist) {
		return mark(dir)
	}
	if err != nil {
		return fmt.Errorf("open data folder: %w", err)
	}
	var m marker
	if err := decodeRow(data, &m); err != nil || m.Format < 1 {
		return fmt.Errorf("open data folder %s: %w", dir, ErrForeign)
	}
	if m.Format != format {
		return fmt.Errorf("open data folder %s: %w: it has format %d, want format %d", dir, ErrFormat, m.Format, format)
	}
	return nil
}

// mark makes an empty folder a data folder.
func mark(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("open data folder: %w", err)
	}
	for _, e := range entries {
		if e.Name() != "lost+found" && e.Name() != markerName+".new" {
			return fmt.Errorf("open data folder %s: %w", dir, ErrForeign)
		}
	}
	data, err := encodeRow(marker{Format: format})
	if err == nil {
		err = writeDurably(filepath.Join(dir, markerName), data)
	}
	if err != nil {
		return fmt.Errorf("mark data folder: %w", err)
	}
	return nil
}

func searchFolder(dir string) string { return filepath.Join(dir, "search") }

// writeDurably puts a whole file in its place or none.
func writeDurably(path string, text []byte) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes the names of the files in a folder durable.
func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
