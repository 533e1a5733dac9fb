package embedded

import (
	"bytes"
	"os"
	"path/filepath"
	"time"

	"chatapi/pkg/embedded/search"

	"go.etcd.io/bbolt"
)

// feedAtOnce is how many bytes of changes migrate writes in one transaction,
// give or take one message.
const feedAtOnce = 8 << 20

// migrate brings a folder of an older format to the present one: it drops the
// search index and notes every message as changed, so that the indexer builds
// the index again. The mark comes last. Where the process is killed before, the
// next Open begins anew; nothing is lost, because the rows stay as they are.
func migrate(dir string, db *bbolt.DB) error {
	if err := os.RemoveAll(searchFolder(dir)); err != nil {
		return err
	}
	if err := db.Update(forgetChanges); err != nil {
		return err
	}
	var last []byte // message that was fed
	for more := true; more; {
		err := db.Update(func(tx *bbolt.Tx) (err error) {
			last, more, err = feed(tx, last)
			return err
		})
		if err != nil {
			return err
		}
	}
	return mark(dir)
}

func searchFolder(dir string) string { return filepath.Join(dir, "search") }

// forgetChanges empties the bucket of changes, which are in the rows as well.
// Sequence numbers go on.
func forgetChanges(tx *bbolt.Tx) error {
	sequence := tx.Bucket(bucketChanges).Sequence()
	if err := tx.DeleteBucket(bucketChanges); err != nil {
		return err
	}
	changes, err := tx.CreateBucket(bucketChanges)
	if err != nil {
		return err
	}
	return changes.SetSequence(sequence)
}

// feed notes messages after the last one as changed. It returns the last of
// them and whether there may be more.
func feed(tx *bbolt.Tx, last []byte) (fed []byte, more bool, err error) {
	changes, now, size := tx.Bucket(bucketChanges), time.Now(), 0
	rows := tx.Bucket(bucketMessages).Cursor()
	key, row := rows.Seek(last)
	if key != nil && bytes.Equal(key, last) {
		key, row = rows.Next()
	}
	for ; key != nil && size < feedAtOnce; key, row = rows.Next() {
		if err := appendTo(changes, encodeChange(now, nil, row)); err != nil {
			return nil, false, err
		}
		last, size = bytes.Clone(key), size+len(row)
	}
	if size == 0 {
		return last, false, nil
	}
	return last, true, tx.Bucket(bucketRebuild).Put(rebuildKey, sequenceKey(changes.Sequence()))
}

var rebuildKey = []byte("last")

// endRebuild reports whether the index has now all that migrate fed it with.
func endRebuild(tx *bbolt.Tx, sequence uint64) (bool, error) {
	rebuild := tx.Bucket(bucketRebuild)
	last := rebuild.Get(rebuildKey)
	if last == nil || keySequence(last) > sequence {
		return false, nil
	}
	return true, rebuild.Delete(rebuildKey)
}

// openIndex opens the search index, which may be in the middle of a rebuild.
func openIndex(dir string, db *bbolt.DB) (*search.Index, error) {
	rebuilding := false
	err := db.View(func(tx *bbolt.Tx) error {
		rebuilding = tx.Bucket(bucketRebuild).Get(rebuildKey) != nil
		return nil
	})
	if err != nil {
		return nil, err
	}
	index, err := search.Open(searchFolder(dir))
	if err != nil {
		return nil, err
	}
	index.SetRebuilding(rebuilding)
	return index, nil
}
