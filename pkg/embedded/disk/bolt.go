package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"go.etcd.io/bbolt"
)

// OpenBolt opens a file of bbolt and makes its newest transaction durable. It
// also returns what os.File.Stat returns of the open file.
//
// If the sync of the newest meta page failed in the process before, the page is
// in memory and marked clean, but not on disk. The next transaction would
// overwrite pages that the meta page on disk still refers to. So the page is
// written again and synced before anything else.
func (d *Disk) OpenBolt(path string, options bbolt.Options) (*bbolt.DB, os.FileInfo, error) {
	var file *os.File
	options.OpenFile = func(name string, flag int, mode os.FileMode) (opened *os.File, err error) {
		opened, err = os.OpenFile(name, flag, mode)
		file = opened
		return opened, err
	}
	db, err := bbolt.Open(path, 0o600, &options)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil {
		err = d.renewMeta(db, file)
	}
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, info, nil
}

// renewMeta writes the newest meta page again and syncs it. It is page 0 or 1,
// the one with the parity of the transaction's ID, as in meta.Write of bbolt.
func (d *Disk) renewMeta(db *bbolt.DB, file *os.File) error {
	id, err := newestTx(db)
	if err != nil {
		return err
	}
	page := make([]byte, db.Info().PageSize)
	offset := int64(id%2) * int64(len(page))
	if _, err := file.ReadAt(page, offset); err != nil {
		return fmt.Errorf("read newest meta page: %w", err)
	}
	if _, err := file.WriteAt(page, offset); err != nil {
		return fmt.Errorf("write newest meta page again: %w", err)
	}
	return d.Sync(file)
}

func newestTx(db *bbolt.DB) (id int, err error) {
	err = db.View(func(tx *bbolt.Tx) error {
		id = tx.ID()
		return nil
	})
	return id, err
}

// CommitBolt commits a transaction. After an error the transaction is rolled
// back. Unless it failed before any sync, the disk fails.
func (d *Disk) CommitBolt(db *bbolt.DB, tx *bbolt.Tx) error {
	id := tx.ID()
	err := d.hooks.Commit(tx)
	if err != nil && !failedBeforeSync(db, id, err) {
		d.Fail(fmt.Errorf("commit transaction %d: %w", id, err))
	}
	return err
}

// failedBeforeSync reports whether a commit failed when it wrote to the file,
// for example because the disk is full, and left the newest meta page as it was.
//
// In bbolt 1.5.0 (tx.go, db.go), a failed write is a *fs.PathError, and a failed
// fdatasync is the errno alone. A file that cannot be made longer is only known
// by its text. A failed write of the meta page looks like one of any other page,
// so the page itself is asked: if it is old or damaged, the transaction before
// is still the newest.
func failedBeforeSync(db *bbolt.DB, id int, err error) bool {
	var failed *fs.PathError
	written := errors.As(err, &failed) && failed.Op == "write"
	if !written && !strings.HasPrefix(err.Error(), "file resize error: ") {
		return false
	}
	newest, err := newestTx(db)
	return err == nil && newest < id
}
