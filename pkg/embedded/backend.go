package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded/disk"
	"chatapi/pkg/embedded/search"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// DefaultVisibility is how long a delivery is hidden from other receivers.
const DefaultVisibility = 30 * time.Second

// Options are the settings of a backend. The zero value is ready for use.
type Options struct {
	Visibility time.Duration // of deliveries; 0 is DefaultVisibility
	Existing   bool          // return ErrMissing instead of creating a folder
	Log        *slog.Logger  // of damage that is found; nil for none

	disk disk.Hooks // of tests
}

// Backend implements the ports of a service on one data folder.
//
// Ports.Failed receives an error if the disk failed or the folder was deleted or
// replaced. From then on every write and every Ping returns an error that wraps
// chat.ErrUnavailable, and the process should end: the next one begins with what
// is on disk.
type Backend struct {
	chat.Ports

	db        *bbolt.DB
	committer *committer
	queue     *Queue
	index     *search.Index

	stopWatch context.CancelFunc
	watching  sync.WaitGroup
}

// Open opens a data folder, and creates it if it does not exist or is empty. It
// returns ErrForeign if the folder holds something else, ErrFormat if another
// version of chatapi wrote it in another format, and ErrInUse if another process
// has it open.
func Open(dir string, options Options) (*Backend, error) {
	if options.Visibility == 0 {
		options.Visibility = DefaultVisibility
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Existing {
		if err := mustExist(dir); err != nil {
			return nil, err
		}
	}
	d := disk.WithHooks(options.disk)
	if err := claim(dir, d); err != nil {
		return nil, err
	}
	db, rows, err := openRows(dir, d)
	if err != nil {
		return nil, fmt.Errorf("open rows in %s: %w", dir, err)
	}
	b := &Backend{db: db, committer: newCommitter(db, d)}
	if err := b.open(dir, d, options); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	if err := b.watch(dir, d, rows); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// open opens what is beside rows.db.
func (b *Backend) open(dir string, d *disk.Disk, options Options) (err error) {
	if b.index, err = openIndex(dir, d); err != nil {
		return fmt.Errorf("open search index in %s: %w", dir, err)
	}
	numbers := newNumbers(b.db)
	if b.queue, err = openQueue(filepath.Join(dir, "creates"), b.committer, numbers, options); err != nil {
		return fmt.Errorf("open creates in %s: %w", dir, err)
	}
	b.Ports = b.ports(d, numbers, options)
	return d.SyncFolder(dir)
}

// openIndex opens the search index, after it finishes a rebuild that was
// interrupted.
func openIndex(dir string, d *disk.Disk) (*search.Index, error) {
	if err := settleRebuild(dir, d); err != nil {
		return nil, err
	}
	return search.Open(searchFolder(dir), d)
}

func (b *Backend) ports(d *disk.Disk, numbers *numbers, options Options) chat.Ports {
	rows, commit, changed := b.committer.view, b.committer.commit, newSignal()
	store := &Store{rows: rows, commit: commit, numbers: numbers, changed: changed}
	return chat.Ports{
		Store: store, Readers: store, Auditor: store, Scanner: store,
		Idempotency:       newIdempotency(rows, commit, numbers),
		Queue:             b.queue,
		Receiver:          b.queue,
		CreateDeadLetters: &deadLetters{rows: rows, commit: commit, source: sourceCreates},
		Stream:            &Stream{rows: rows, commit: commit, log: options.Log, changed: changed},
		ChangeDeadLetters: &deadLetters{rows: rows, commit: commit, source: sourceChanges},
		Index:             b.index,
		Failed:            d.Failed(),
	}
}

// Close waits for the current writes and closes the folder. No method may be
// called afterwards.
func (b *Backend) Close() error {
	if b.stopWatch != nil {
		b.stopWatch()
		b.watching.Wait()
	}
	b.committer.close()
	var err error
	if b.queue != nil {
		err = b.queue.log.Close()
	}
	if b.index != nil {
		err = errors.Join(err, b.index.Close())
	}
	return errors.Join(err, b.db.Close())
}

const (
	rowsName    = "rows.db"
	lockTimeout = time.Second
	// mappedSize is how many bytes of rows.db are mapped ahead. Growing the map
	// waits for readers, so it should not happen often.
	mappedSize = 1 << 30
)

// openRows opens rows.db. It also returns what os.File.Stat returns of the file.
func openRows(dir string, d *disk.Disk) (*bbolt.DB, os.FileInfo, error) {
	db, info, err := d.OpenBolt(filepath.Join(dir, rowsName), bbolt.Options{
		Timeout:         lockTimeout,
		InitialMmapSize: mappedSize,
		FreelistType:    bbolt.FreelistMapType,
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, nil, ErrInUse
	}
	if err != nil {
		return nil, nil, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range buckets {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, info, nil
}
