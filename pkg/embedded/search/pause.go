package search

import (
	"errors"
	"time"

	"github.com/blevesearch/bleve/v2/index/scorch"
)

const (
	// pauseName is what scorch knows pauseAfter by.
	pauseName = "chatapi-pause"
	// persistPause is how long scorch waits after a write to the disk that
	// failed. It tries again at once, which takes a third of a core and more
	// for as long as the disk is full.
	persistPause = 500 * time.Millisecond
)

// scorch calls it in the goroutine that writes to the disk.
func init() { scorch.RegistryAsyncErrorCallbacks[pauseName] = pauseAfter }

func pauseAfter(err error, _ string) {
	if errors.Is(err, scorch.ErrPersist) {
		time.Sleep(persistPause)
	}
}
