package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"chatapi/pkg/embedded/disk"

	smithytime "github.com/aws/smithy-go/time"
)

// watchPeriod is how often the data folder is looked at, so that it is noticed
// within a second if the folder is deleted or replaced.
const watchPeriod = 500 * time.Millisecond

// watch makes the disk fail if the data folder is deleted or replaced: what is
// written to the open files then is gone when the process ends.
func (b *Backend) watch(dir string, d *disk.Disk, rows os.FileInfo) error {
	marker, err := os.Stat(filepath.Join(dir, markerName))
	if err != nil {
		return fmt.Errorf("watch data folder: %w", err)
	}
	opened := map[string]os.FileInfo{
		filepath.Join(dir, markerName): marker,
		filepath.Join(dir, rowsName):   rows,
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.stopWatch = cancel
	b.watching.Go(func() {
		for smithytime.SleepWithContext(ctx, watchPeriod) == nil {
			for path, info := range opened {
				if err := checkSame(path, info); err != nil {
					d.Fail(err)
					return
				}
			}
		}
	})
	return nil
}

// checkSame returns an error if a path is not that of the file that was opened.
func checkSame(path string, opened os.FileInfo) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s was deleted", path)
	case err != nil:
		return nil // the file may still be there
	case !os.SameFile(info, opened):
		return fmt.Errorf("%s was replaced by another file", path)
	default:
		return nil
	}
}
