package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"chatapi/pkg/chat"
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
}

// Backend is the ports of a service on one data folder.
type Backend struct {
	chat.Ports

	db        *bbolt.DB
	committer *committer
	log       *createLog
	index     *search.Index
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
	if err := claim(dir); err != nil {
		return nil, err
	}
	db, err := openRows(filepath.Join(dir, "rows.db"))
	if err != nil {
		return nil, fmt.Errorf("open rows in %s: %w", dir, err)
	}
	index, err := openIndex(dir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open search index in %s: %w", dir, err), db.Close())
	}
	b := &Backend{db: db, committer: newCommitter(db), index: index}
	queue, err := openQueue(filepath.Join(dir, "creates"), db, b.committer.commit, options)
	if err != nil {
		b.committer.close()
		return nil, errors.Join(fmt.Errorf("open creates in %s: %w", dir, err), index.Close(), db.Close())
	}
	b.log = queue.log
	b.Ports = b.ports(queue, options)
	return b, nil
}

// openIndex opens the search index, after the end of a rebuild that was
// interrupted.
func openIndex(dir string) (*search.Index, error) {
	if err := settleRebuild(dir); err != nil {
		return nil, err
	}
	return search.Open(searchFolder(dir))
}

func (b *Backend) ports(queue *Queue, options Options) chat.Ports {
	numbers, changed, commit := newNumbers(b.db), newSignal(), b.committer.commit
	store := &Store{db: b.db, commit: commit, numbers: numbers, changed: changed}
	return chat.Ports{
		Store: store, Readers: store, Auditor: store, Scanner: store,
		Idempotency:       newIdempotency(b.db, commit, numbers),
		Queue:             queue,
		Receiver:          queue,
		CreateDeadLetters: &deadLetters{db: b.db, commit: commit, source: sourceCreates},
		Stream:            &Stream{db: b.db, commit: commit, log: options.Log, changed: changed},
		ChangeDeadLetters: &deadLetters{db: b.db, commit: commit, source: sourceChanges},
		Index:             b.index,
	}
}

// Close waits for the current writes and closes the folder. No method may be
// called afterwards.
func (b *Backend) Close() error {
	b.committer.close()
	return errors.Join(b.log.close(), b.index.Close(), b.db.Close())
}

const (
	lockTimeout = time.Second
	// mapped is how much of the file is mapped ahead. Growing the map waits
	// for readers, so it should not happen often.
	mapped = 1 << 30
)

func openRows(path string) (*bbolt.DB, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:         lockTimeout,
		InitialMmapSize: mapped,
		FreelistType:    bbolt.FreelistMapType,
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, ErrInUse
	}
	if err != nil {
		return nil, err
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
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}
