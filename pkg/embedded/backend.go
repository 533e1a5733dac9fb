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

// ErrInUse is returned by Open where another process has the folder open.
var ErrInUse = errors.New("the data folder is in use by another process")

// DefaultVisibility is how long a delivery is hidden from other receivers.
const DefaultVisibility = 30 * time.Second

// Options are the settings of a backend. The zero value is ready for use.
type Options struct {
	Visibility time.Duration // of deliveries; 0 is DefaultVisibility
	Existing   bool          // refuse to make a folder: ErrMissing
	Log        *slog.Logger  // of damage that is found; nil is none
}

// Backend is the ports of a service on one data folder.
type Backend struct {
	chat.Ports

	db        *bbolt.DB
	committer *committer
	log       *createLog
	index     *search.Index
}

// Open opens a data folder, or makes one where the folder does not exist or is
// empty. A folder of an older format is brought to the present one, which takes
// some seconds for each million of messages; searches find them as the index is
// built again. It returns ErrForeign where the folder holds something else, ErrFormat
// where a later version of chatapi wrote it, and ErrInUse where another process
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
	found, err := claim(dir)
	if err != nil {
		return nil, err
	}
	db, err := openRows(filepath.Join(dir, "rows.db"))
	if err != nil {
		return nil, fmt.Errorf("open rows in %s: %w", dir, err)
	}
	if err := settleRebuild(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("open search index in %s: %w", dir, err), db.Close())
	}
	if found < format {
		if err := migrate(dir, db); err != nil {
			return nil, errors.Join(fmt.Errorf("bring %s to format %d: %w", dir, format, err), db.Close())
		}
	}
	index, err := openIndex(dir, db)
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

func (b *Backend) ports(queue *Queue, options Options) chat.Ports {
	numbers, changed, commit := newNumbers(b.db), newSignal(), b.committer.commit
	store := &Store{db: b.db, commit: commit, numbers: numbers, changed: changed}
	return chat.Ports{
		Store: store, Readers: store, Auditor: store, Scanner: store,
		Idempotency:       newIdempotency(b.db, commit, numbers),
		Queue:             queue,
		Receiver:          queue,
		CreateDeadLetters: &deadLetters{db: b.db, commit: commit, source: sourceCreates},
		Stream: &Stream{
			db: b.db, commit: commit, log: options.Log, changed: changed,
			rebuilt: func() { b.index.SetRebuilding(false) },
		},
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
