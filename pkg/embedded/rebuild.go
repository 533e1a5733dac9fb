package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded/search"

	"go.etcd.io/bbolt"
)

// Rebuild is a chat.Rebuild of a folder that nothing else has open, so there
// are no changes to catch up with. The new index and how far it is are in a
// folder of their own:
//
//	data/rebuild/progress.json
//	data/rebuild/search/
//
// The switch is made once progress.json says that the build is complete: what
// is left then, to put the new index in the place of the old one, is done again
// by Open where the process was killed before its end. Open drops a build that
// is not complete, because the rows may change from then on.
type Rebuild struct {
	// Scanner reads the rows that the index is built from.
	Scanner chat.Scanner

	dir   string
	db    *bbolt.DB
	index *search.Index
	state rebuildState
}

var _ chat.Rebuild = (*Rebuild)(nil)

// rebuildState is what progress.json holds.
type rebuildState struct {
	Progress chat.Progress `json:"progress"`
	Complete bool          `json:"complete"`
}

func rebuildFolder(dir string) string { return filepath.Join(dir, "rebuild") }

func progressFile(dir string) string { return filepath.Join(rebuildFolder(dir), "progress.json") }

// OpenRebuild begins an index beside the one of a data folder, or goes on with
// the one that was begun before. The live index need not be whole: it is not
// opened. The errors are those of Open with Options.Existing.
func OpenRebuild(dir string) (*Rebuild, error) {
	if err := mustExist(dir); err != nil {
		return nil, err
	}
	if err := claim(dir); err != nil {
		return nil, err
	}
	db, err := openRows(filepath.Join(dir, "rows.db"))
	if err != nil {
		return nil, fmt.Errorf("open rows in %s: %w", dir, err)
	}
	b := &Rebuild{Scanner: &Store{db: db}, dir: dir, db: db}
	if err := b.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open rebuild in %s: %w", dir, err), db.Close())
	}
	return b, nil
}

func (b *Rebuild) open() (err error) {
	if b.state, err = readRebuild(b.dir); err != nil {
		return err
	}
	if b.state.Complete {
		if err := settleRebuild(b.dir); err != nil {
			return err
		}
		b.state = rebuildState{}
	}
	if err := os.MkdirAll(rebuildFolder(b.dir), 0o700); err != nil {
		return err
	}
	b.index, err = search.Open(searchFolder(rebuildFolder(b.dir)))
	return err
}

// readRebuild returns the state of a build, the zero value where there is none.
func readRebuild(dir string) (state rebuildState, err error) {
	text, err := os.ReadFile(progressFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return rebuildState{}, nil
	}
	if err != nil {
		return rebuildState{}, err
	}
	return state, decodeRow(text, &state)
}

// Progress implements chat.Rebuild.
func (b *Rebuild) Progress() chat.Progress { return b.state.Progress }

// Apply implements chat.Rebuild. What it applied is on disk.
func (b *Rebuild) Apply(ctx context.Context, messages []chat.Message) []error {
	return b.index.Apply(ctx, messages)
}

// Save implements chat.Rebuild.
func (b *Rebuild) Save(_ context.Context, p chat.Progress) error {
	b.state.Progress = p
	return b.save()
}

func (b *Rebuild) save() error {
	text, err := encodeRow(b.state)
	if err != nil {
		return fmt.Errorf("note how far the index is: %w", err)
	}
	if err := writeDurably(progressFile(b.dir), text); err != nil {
		return fmt.Errorf("note how far the index is: %w: %w", chat.ErrUnavailable, err)
	}
	return nil
}

// CatchUp implements chat.Rebuild: nobody changes a message meanwhile.
func (b *Rebuild) CatchUp(context.Context) (int, error) { return 0, nil }

// Switch implements chat.Rebuild. Nothing but Close may be called afterwards.
func (b *Rebuild) Switch(context.Context) error {
	if err := b.index.Close(); err != nil {
		return err
	}
	b.state.Complete = true
	if err := b.save(); err != nil {
		return err
	}
	return settleRebuild(b.dir)
}

// Abandon removes what was built so far. Nothing but Close may be called
// afterwards.
func (b *Rebuild) Abandon(context.Context) error {
	return errors.Join(b.index.Close(), os.RemoveAll(rebuildFolder(b.dir)))
}

// Close lets go of the folder. What is built so far stays.
func (b *Rebuild) Close() error { return errors.Join(b.index.Close(), b.db.Close()) }

// settleRebuild puts an index that is complete in the place of the old one, and
// drops one that is not. It may be called again where it was cut off.
func settleRebuild(dir string) error {
	state, err := readRebuild(dir)
	if err != nil {
		return fmt.Errorf("settle rebuild: %w", err)
	}
	if state.Complete {
		err = replaceFolder(searchFolder(dir), searchFolder(rebuildFolder(dir)))
	}
	if err == nil {
		err = os.RemoveAll(rebuildFolder(dir))
	}
	if err != nil {
		return fmt.Errorf("settle rebuild: %w", err)
	}
	return nil
}

// replaceFolder puts a folder in the place of another, unless that has been
// done.
func replaceFolder(old, with string) error {
	if _, err := os.Stat(with); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	if err := os.Rename(with, old); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(old))
}
