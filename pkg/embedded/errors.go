package embedded

import (
	"context"
	"errors"
	"fmt"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded/disk"
)

var (
	// ErrInUse is returned by Open if another process has the folder open.
	ErrInUse = errors.New("the data folder is in use by another process")
	// ErrForeign is returned by Open if a folder holds files of something else.
	ErrForeign = errors.New("the folder holds files that are not chatapi's: want a data folder, an empty or a new one")
	// ErrFormat is returned by Open if another version of chatapi wrote the
	// folder, in a format that this one does not read.
	ErrFormat = errors.New("another version of chatapi wrote the data folder")
	// ErrMissing is returned by Open with Options.Existing, and by OpenRebuild,
	// if there is no data folder.
	ErrMissing = errors.New("there is no data folder")
)

// untouched is the error of a write that has written nothing, so that the rest
// of its group can be committed as it is.
type untouched struct{ error }

func (e untouched) Unwrap() error { return e.error }

func alive(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	return nil
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", chat.ErrUnavailable, err) }

// checkDisk returns an error once the disk has failed.
func checkDisk(d *disk.Disk) error {
	if err := d.Err(); err != nil {
		return unavailable(err)
	}
	return nil
}

// wrap adds what was attempted to an error.
func wrap(err error, attempted string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", attempted, err)
}
