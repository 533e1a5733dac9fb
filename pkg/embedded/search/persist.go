package search

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"time"

	"chatapi/pkg/embedded/disk"

	"github.com/blevesearch/bleve/v2/index/scorch"
	index "github.com/blevesearch/bleve_index_api"
)

// persistPause is how long scorch waits after a failed write to the disk. It
// tries again at once, which takes a third of a core or more as long as the disk
// is full.
const persistPause = 500 * time.Millisecond

// registering is held while scorch's registry of callbacks, a map of the
// package, is in use.
var registering sync.Mutex

// newEngine returns an engine that calls onPersistError. It reads the callback
// by its name from the registry, once.
func newEngine(dir string, d *disk.Disk, queue *index.AnalysisQueue) (index.Index, error) {
	const name = "chatapi"
	registering.Lock()
	defer registering.Unlock()
	scorch.RegistryAsyncErrorCallbacks[name] = func(err error, _ string) { onPersistError(d, err) }
	defer delete(scorch.RegistryAsyncErrorCallbacks, name)
	return scorch.NewScorch(scorch.Name, map[string]any{
		"path": dir, "bolt_timeout": lockTimeout, "unsafe_batch": true, "asyncErrorCallbackName": name,
	}, queue)
}

// onPersistError is called in the goroutine that writes to the disk. The engine
// goes on even after a failed sync, so the disk fails first.
func onPersistError(d *disk.Disk, err error) {
	if isFailedSync(err.Error()) {
		d.Fail(fmt.Errorf("write search index: %w", err))
	}
	if errors.Is(err, scorch.ErrPersist) {
		time.Sleep(persistPause)
	}
}

// isFailedSync reports whether the engine could not sync a file. It passes on
// errors as text: a *fs.PathError of os.File.Sync begins with "sync", and a failed
// fdatasync of bbolt is the errno alone, without the path of a file.
func isFailedSync(text string) bool {
	if strings.Contains(text, ": sync ") {
		return true
	}
	for _, attempt := range []string{"persisting snapshot: ", "removing old bolt snapshots: "} {
		for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EDQUOT} {
			if strings.HasSuffix(text, attempt+errno.Error()) {
				return true
			}
		}
	}
	return false
}
