package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"chatapi/pkg/embedded/disk"
)

// format is the format of a data folder that this version reads and writes.
const format = 6

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
func claim(dir string, d *disk.Disk) error {
	if err := d.CreateFolder(dir); err != nil {
		return fmt.Errorf("create data folder: %w", err)
	}
	data, err := os.ReadFile(filepath.Join(dir, markerName))
	if errors.Is(err, fs.ErrNotExist) {
		return mark(dir, d)
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
func mark(dir string, d *disk.Disk) error {
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
		err = d.WriteFile(filepath.Join(dir, markerName), data)
	}
	if err != nil {
		return fmt.Errorf("mark data folder: %w", err)
	}
	return nil
}

func searchFolder(dir string) string { return filepath.Join(dir, "search") }
