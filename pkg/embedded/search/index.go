package search

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded/disk"

	index "github.com/blevesearch/bleve_index_api"
	"go.etcd.io/bbolt"
)

// lockTimeout is how long Open waits until another process has closed the folder:
// a server that is being restarted needs a moment.
const lockTimeout = "1s"

// errClosed is returned by every method after Close.
var errClosed = fmt.Errorf("%w: the search index is closed", chat.ErrUnavailable)

// Index implements chat.Index in a folder. Its methods may be called
// concurrently; searches do not wait for Apply.
type Index struct {
	open   sync.RWMutex // held for reading while the engine is in use, for writing to close it
	closed bool
	engine index.Index
	queue  *index.AnalysisQueue
	disk   *disk.Disk

	vocabularies  *vocabularies
	newestBuckets *newestBuckets
	costs         costs

	applying sync.Mutex // between reading the versions in the index and writing newer ones
	unsaved  bool       // a batch failed: what the engine shows may not be on disk
}

var _ chat.Index = (*Index)(nil)

// Open opens the index in dir, and creates it if there is none. It returns an
// error if another Index has the folder open. If a sync fails, the disk fails.
func Open(dir string, d *disk.Disk) (*Index, error) {
	if dir == "" { // scorch would keep everything in memory
		return nil, errors.New(`open search index: invalid folder "": want a path`)
	}
	if err := renewRoot(dir, d); err != nil {
		return nil, fmt.Errorf("open search index in %s: %w", dir, err)
	}
	queue := index.NewAnalysisQueue(1)
	engine, err := newEngine(dir, d, queue)
	if err == nil {
		err = engine.Open()
	}
	if err != nil {
		queue.Close()
		return nil, fmt.Errorf("open search index in %s: %w", dir, err)
	}
	return &Index{
		engine: engine, queue: queue, disk: d,
		vocabularies: newVocabularies(), newestBuckets: newNewestBuckets(), costs: measuredCosts,
	}, nil
}

// renewRoot makes the newest transaction of the file durable in which scorch
// lists its segments.
func renewRoot(dir string, d *disk.Disk) error {
	path := filepath.Join(dir, "root.bolt")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	timeout, err := time.ParseDuration(lockTimeout)
	if err != nil {
		return err
	}
	db, _, err := d.OpenBolt(path, bbolt.Options{Timeout: timeout})
	if err != nil {
		return err
	}
	return db.Close()
}

// Close waits for the calls in progress and closes the folder. Closing again
// changes nothing.
func (x *Index) Close() error {
	x.open.Lock()
	defer x.open.Unlock()
	if x.closed {
		return nil
	}
	x.closed = true
	err := x.engine.Close()
	x.queue.Close()
	if err != nil {
		return fmt.Errorf("close search index: %w", err)
	}
	return nil
}

// Ping implements chat.Index: it returns an error after Close, or if the disk
// failed.
func (x *Index) Ping(context.Context) error {
	x.open.RLock()
	defer x.open.RUnlock()
	if x.closed {
		return errClosed
	}
	return x.checkDisk()
}

func (x *Index) checkDisk() error {
	if err := x.disk.Err(); err != nil {
		return fmt.Errorf("%w: search index: %w", chat.ErrUnavailable, err)
	}
	return nil
}

// Apply implements chat.Index. What it applied is on disk and is found when it
// returns. It applies all messages or, on an error, none for certain.
func (x *Index) Apply(ctx context.Context, messages []chat.Message) []error {
	if len(messages) == 0 {
		return nil
	}
	err := x.apply(ctx, messages)
	if err == nil {
		return nil
	}
	errs := make([]error, len(messages))
	for i := range errs {
		errs[i] = err
	}
	return errs
}

func (x *Index) apply(ctx context.Context, messages []chat.Message) error {
	x.open.RLock()
	defer x.open.RUnlock()
	if x.closed {
		return errClosed
	}
	x.applying.Lock()
	defer x.applying.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: index messages: %w", chat.ErrUnavailable, err)
	}
	if err := x.checkDisk(); err != nil {
		return err
	}
	for len(messages) > 0 {
		n := fitting(messages)
		batch, err := x.newer(messages[:n])
		if err != nil {
			return fmt.Errorf("%w: compare messages with the index: %w", chat.ErrUnavailable, err)
		}
		if err := x.write(ctx, batch); err != nil {
			return err
		}
		messages = messages[n:]
	}
	return nil
}

// batchBytes is the size of bodies at which a batch ends. The documents of a
// batch take up to 150 times as much memory, if no two words are the same.
const batchBytes = 1 << 20

// fitting returns how many of the messages go into one batch, at least one.
func fitting(messages []chat.Message) int {
	size := 0
	for i, m := range messages {
		if size += len(m.Body); size > batchBytes && i > 0 {
			return i
		}
	}
	return len(messages)
}

// newer returns a batch of the messages that the index does not hold in the
// same or a newer version.
func (x *Index) newer(messages []chat.Message) (*index.Batch, error) {
	reader, err := x.engine.Reader()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	through, err := indexedThrough(reader)
	if err != nil {
		return nil, err
	}
	newest := chat.NewestVersions(messages)
	held, err := heldVersions(reader, createdBy(through, newest))
	if err != nil {
		return nil, err
	}
	batch := index.NewBatch()
	for id, m := range newest {
		if v, ok := held[id]; ok && v >= m.Version {
			continue
		}
		doc, err := newDocument(m)
		if err != nil {
			return nil, err
		}
		batch.Update(doc)
		for _, at := range []time.Time{m.CreatedAt, m.UpdatedAt} { // clocks may be set back between the two
			if at.After(through) {
				through = at
			}
		}
	}
	batch.SetInternal(throughKey, strconv.AppendInt(nil, through.UnixMilli(), 10))
	return batch, nil
}

// createdBy returns the messages that the index may hold: those that were created
// no later than its newest change. So most messages need no look-up in every
// segment.
func createdBy(through time.Time, messages map[string]chat.Message) map[string]chat.Message {
	old := map[string]chat.Message{}
	for id, m := range messages {
		if !m.CreatedAt.After(through) {
			old[id] = m
		}
	}
	return old
}

// throughKey names the time of the newest change, in milliseconds since 1970.
// It is written with the messages of its batch, so the two never differ.
var throughKey = []byte("indexed_through")

// indexedThrough returns the time of the newest change that the index holds
// in any app; zero if it holds none.
func indexedThrough(reader index.IndexReader) (time.Time, error) {
	data, err := reader.GetInternal(throughKey)
	if err != nil || data == nil {
		return time.Time{}, err
	}
	milli, err := strconv.ParseInt(string(data), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("read %s: %w", throughKey, err)
	}
	return time.UnixMilli(milli).UTC(), nil
}

// heldVersions returns the versions that the index holds of messages, by their
// DocumentID.
func heldVersions(reader index.IndexReader, messages map[string]chat.Message) (map[string]int64, error) {
	held := make(map[string]int64)
	for id, m := range messages {
		doc, err := reader.Document(nameOf(m))
		if err != nil {
			return nil, err
		}
		if doc == nil {
			continue
		}
		if held[id], err = versionOf(doc); err != nil {
			return nil, fmt.Errorf("read version of %s: %w", id, err)
		}
	}
	return held, nil
}

// versionOf returns the version of the message in a document.
func versionOf(doc index.Document) (version int64, err error) {
	err = errCutOff
	doc.VisitFields(func(f index.Field) {
		if f.Name() == messageField {
			version, err = decodeVersion(f.Value())
		}
	})
	return version, err
}

// saveTimeout is how long write waits for the disk. The engine goes on trying to
// save what it did not.
const saveTimeout = 5 * time.Second

// write returns when the batch is on disk. After a batch that was not saved, an
// empty batch is written too: the engine already shows the messages of the first,
// so they count as held, and the empty one waits until they are saved.
//
// It does not use the engine's own wait (batches that are not "unsafe"), which
// closes a segment that it could not save, and still searches it.
func (x *Index) write(ctx context.Context, batch *index.Batch) error {
	if len(batch.IndexOps) == 0 && !x.unsaved {
		return nil
	}
	saved := make(chan struct{})
	batch.SetPersistedCallback(func(error) { close(saved) }) // once, when it is saved
	x.unsaved = true
	err := x.engine.Batch(batch)
	if err == nil {
		err = awaitSaved(ctx, saved)
	}
	x.unsaved = err != nil
	if err != nil {
		size := len(batch.IndexOps)
		return fmt.Errorf("%w: write %d messages to the search index: %w", chat.ErrUnavailable, size, err)
	}
	return nil
}

func awaitSaved(ctx context.Context, saved <-chan struct{}) error {
	ctx, cancel := context.WithTimeoutCause(ctx, saveTimeout, errNotSaved)
	defer cancel()
	select {
	case <-saved:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// errNotSaved is returned if the engine did not save a batch in time.
var errNotSaved = fmt.Errorf("not on disk after %v", saveTimeout)
