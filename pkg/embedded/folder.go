package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrForeign is returned by Open where a folder holds files of something else.
var ErrForeign = errors.New("the folder holds files that are not chatapi's; name an empty or a new folder")

// ErrFormat is returned by Open where a folder has a format that this version
// does not know.
var ErrFormat = errors.New("the data folder was written by a later version of chatapi")

// ErrMissing is returned by Open, where it must not make a folder, and by
// OpenRebuild where there is no data folder.
var ErrMissing = errors.New("there is no data folder")

// The formats of a data folder. Open brings an older one to the present.
const (
	formatChatWords = 1 // the search index has its words by chat
	format          = 5 // documents of the index have names that begin with the time of their creation
)

const markerName = "chatapi.json"

// marker says what a data folder is.
type marker struct {
	Format int `json:"chatapi_data_format"`
}

// mustExist returns an error where dir is not a data folder of ours already.
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

// claim makes sure that dir is a data folder of ours and returns its format.
func claim(dir string) (int, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, fmt.Errorf("make data folder: %w", err)
	}
	path := filepath.Join(dir, markerName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return format, found(dir)
	}
	if err != nil {
		return 0, fmt.Errorf("open data folder: %w", err)
	}
	var m marker
	if err := decodeRow(text, &m); err != nil || m.Format < formatChatWords {
		return 0, fmt.Errorf("open data folder %s: %w", dir, ErrForeign)
	}
	if m.Format > format {
		return 0, fmt.Errorf("open data folder %s: format %d, this version reads up to %d: %w", dir, m.Format, format, ErrFormat)
	}
	return m.Format, nil
}

// found marks an empty folder as ours.
func found(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("open data folder: %w", err)
	}
	for _, e := range entries {
		if e.Name() != "lost+found" && e.Name() != markerName+".new" {
			return fmt.Errorf("open data folder %s: %w", dir, ErrForeign)
		}
	}
	return mark(dir)
}

// mark says that the folder has the present format.
func mark(dir string) error {
	text, err := encodeRow(marker{Format: format})
	if err == nil {
		err = writeDurably(filepath.Join(dir, markerName), text)
	}
	if err != nil {
		return fmt.Errorf("mark data folder: %w", err)
	}
	return nil
}

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
