package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"chatapi/pkg/embedded/disk"
	"chatapi/pkg/embedded/groupcommit"

	"go.etcd.io/bbolt"
)

// commit runs a write in a transaction and returns once it is durable. The write
// may run more than once. If it returns an error, nothing that it wrote stays,
// and that error is returned.
type commit func(ctx context.Context, write func(*bbolt.Tx) error) error

// view runs a read in a transaction. It returns an error if what was read may not
// be durable.
type view func(read func(*bbolt.Tx) error) error

// committer is the one writer of rows.db.
type committer struct {
	db    *bbolt.DB
	disk  *disk.Disk
	group *groupcommit.Committer[*rowWrite]

	committing sync.Mutex
	durable    atomic.Int64 // the ID of the newest transaction that is durable
}

// rowWrite is a write and its error.
type rowWrite struct {
	run func(*bbolt.Tx) error
	err error
}

func newCommitter(db *bbolt.DB, d *disk.Disk) *committer {
	c := &committer{db: db, disk: d}
	c.group = groupcommit.New(c.commitGroup)
	return c
}

func (c *committer) commit(ctx context.Context, write func(*bbolt.Tx) error) error {
	w := &rowWrite{run: write}
	if err := c.group.Commit(ctx, w); err != nil {
		return err
	}
	return w.err
}

// view implements view. bbolt shows a transaction to readers once its meta page
// is written, before the sync that makes it durable. So a read that sees it waits
// for the sync, and is refused if the sync fails.
func (c *committer) view(read func(*bbolt.Tx) error) error {
	var id int
	err := c.db.View(func(tx *bbolt.Tx) error {
		id = tx.ID()
		return read(tx)
	})
	if err == nil && int64(id) > c.durable.Load() {
		c.awaitCommit()
	}
	return cmp.Or(checkDisk(c.disk), err)
}

// awaitCommit returns when no commit is running.
func (c *committer) awaitCommit() {
	c.committing.Lock()
	defer c.committing.Unlock()
}

func (c *committer) close() { c.group.Close() }

// commitGroup commits a group in one transaction. If a write failed, the
// transaction is begun again without it.
func (c *committer) commitGroup(group []*rowWrite) {
	for len(group) > 0 {
		err := c.commitTx(group)
		if !errors.Is(err, errWriteFailed) {
			for _, w := range group {
				w.err = cmp.Or(err, w.err)
			}
			return
		}
		var rest []*rowWrite
		for _, w := range group {
			if !mustRollBack(w.err) {
				rest = append(rest, w)
			}
		}
		group = rest
	}
}

func (c *committer) commitTx(group []*rowWrite) error {
	if err := checkDisk(c.disk); err != nil {
		return err
	}
	tx, err := c.db.Begin(true)
	if err != nil {
		return unavailable(fmt.Errorf("begin transaction: %w", err))
	}
	defer func() { _ = tx.Rollback() }() // which does nothing after a commit
	for _, w := range group {
		if w.err = w.run(tx); mustRollBack(w.err) {
			return errWriteFailed
		}
	}
	return c.sync(tx)
}

func (c *committer) sync(tx *bbolt.Tx) error {
	c.committing.Lock()
	defer c.committing.Unlock()
	id := tx.ID()
	if err := c.disk.CommitBolt(c.db, tx); err != nil {
		return unavailable(fmt.Errorf("commit: %w", err))
	}
	c.durable.Store(int64(id))
	return nil
}

// errWriteFailed is returned by commitTx if a write of the group failed.
var errWriteFailed = errors.New("a write of the group failed")

// mustRollBack reports whether a write may have written something before its
// error.
func mustRollBack(err error) bool { return err != nil && !errors.As(err, new(untouched)) }
