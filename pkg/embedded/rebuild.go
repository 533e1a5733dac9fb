package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded/disk"
	"chatapi/pkg/embedded/search"

	"go.etcd.io/bbolt"
)

// Rebuild implements chat.Rebuild on a folder that nothing else has open, so
// there are no changes to catch up with. The new index and the progress are in a
// folder of their own:
//
//	data/rebuild/progress.json
//	data/rebuild/search/
//
// The new index is live once progress.json says that the build is complete. If
// the process ends before the new index has replaced the old one, Open replaces
// it. Open removes a build that is not complete, because from then on the rows
// may change.
type Rebuild struct {
	// Scanner reads the rows that the index is built from.
	Scanner chat.Scanner

	dir   string
	db    *bbolt.DB
	disk  *disk.Disk
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

// OpenRebuild begins an index beside that of a data folder, or resumes one. It
// does not open the live index, which may be damaged. The errors are those of
// Open with Options.Existing.
func OpenRebuild(dir string) (*Rebuild, error) {
	if err := mustExist(dir); err != nil {
		return nil, err
	}
	d := disk.New()
	if err := claim(dir, d); err != nil {
		return nil, err
	}
	db, _, err := openRows(dir, d)
	if err != nil {
		return nil, fmt.Errorf("open rows in %s: %w", dir, err)
	}
	b := &Rebuild{Scanner: &Store{rows: db.View}, dir: dir, db: db, disk: d}
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
		if err := settleRebuild(b.dir, b.disk); err != nil {
			return err
		}
		b.state = rebuildState{}
	}
	if err := b.disk.CreateFolder(rebuildFolder(b.dir)); err != nil {
		return err
	}
	b.index, err = search.Open(searchFolder(rebuildFolder(b.dir)), b.disk)
	return err
}

// readRebuild returns the state of a build, the zero value if there is none.
func readRebuild(dir string) (state rebuildState, err error) {
	data, err := os.ReadFile(progressFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return rebuildState{}, nil
	}
	if err != nil {
		return rebuildState{}, err
	}
	return state, decodeRow(data, &state)
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
	data, err := encodeRow(b.state)
	if err != nil {
		return fmt.Errorf("save progress of rebuild: %w", err)
	}
	if err := b.disk.WriteFile(progressFile(b.dir), data); err != nil {
		return fmt.Errorf("save progress of rebuild: %w", unavailable(err))
	}
	return nil
}

// CatchUp implements chat.Rebuild: no message changes during the rebuild.
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
	return settleRebuild(b.dir, b.disk)
}

// Abandon implements chat.Rebuild. Nothing but Close may be called
// afterwards.
func (b *Rebuild) Abandon(context.Context) error {
	return errors.Join(b.index.Close(), os.RemoveAll(rebuildFolder(b.dir)))
}

// Close closes the folder and keeps what was built so far.
func (b *Rebuild) Close() error { return errors.Join(b.index.Close(), b.db.Close()) }

// settleRebuild replaces the index by a new one that is complete, and removes one
// that is not. After an interruption it may be called again.
func settleRebuild(dir string, d *disk.Disk) error {
	state, err := readRebuild(dir)
	if err != nil {
		return fmt.Errorf("settle rebuild: %w", err)
	}
	if state.Complete {
		err = replaceFolder(searchFolder(dir), searchFolder(rebuildFolder(dir)), d)
	}
	if err == nil {
		err = os.RemoveAll(rebuildFolder(dir))
	}
	if err != nil {
		return fmt.Errorf("settle rebuild: %w", err)
	}
	return nil
}

// replaceFolder replaces a folder by another one, unless that is done.
func replaceFolder(old, replacement string, d *disk.Disk) error {
	if _, err := os.Stat(replacement); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	if err := os.Rename(replacement, old); err != nil {
		return err
	}
	return d.SyncFolder(filepath.Dir(old))
}
