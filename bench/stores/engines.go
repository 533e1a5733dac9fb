package main

import (
	"database/sql"
	"encoding/binary"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
	"go.etcd.io/bbolt"
	_ "modernc.org/sqlite"
)

func key(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// pending is a create that waits for its group.
type pending struct {
	counter, number uint64
	entry           []byte
	done            chan error
}

// grouped commits all that is waiting together, without waiting for more.
type grouped struct {
	waiting chan *pending
	commit  func([]*pending) error
	closed  func() error
	ended   chan struct{}
}

func newGrouped(commit func([]*pending) error, closed func() error) *grouped {
	g := &grouped{waiting: make(chan *pending, 1024), commit: commit, closed: closed, ended: make(chan struct{})}
	go g.run()
	return g
}

func (g *grouped) run() {
	defer close(g.ended)
	var group []*pending
	for first := range g.waiting {
		group = append(group[:0], first)
		for len(g.waiting) > 0 {
			group = append(group, <-g.waiting)
		}
		err := g.commit(group)
		for _, p := range group {
			p.done <- err
		}
	}
}

func (g *grouped) create(counter, number uint64, entry []byte) error {
	p := &pending{counter: counter, number: number, entry: entry, done: make(chan error, 1)}
	g.waiting <- p
	return <-p.done
}

func (g *grouped) close() error {
	close(g.waiting)
	<-g.ended
	return g.closed()
}

// openLog keeps the counter in the entry alone.
func openLog(dir string) (store, error) {
	file, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	var buffer []byte
	return newGrouped(func(group []*pending) error {
		buffer = buffer[:0]
		for _, p := range group {
			buffer = append(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(buffer, p.counter), p.number), p.entry...)
		}
		if _, err := file.Write(buffer); err != nil {
			return err
		}
		return file.Sync()
	}, file.Close), nil
}

var bucketEntries, bucketCounters = []byte("entries"), []byte("counters")

func newBolt(dir string) (*bbolt.DB, error) {
	db, err := bbolt.Open(filepath.Join(dir, "bolt"), 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType, InitialMmapSize: 1 << 30})
	if err != nil {
		return nil, err
	}
	return db, db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketEntries, bucketCounters} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return nil
	})
}

func putBolt(tx *bbolt.Tx, counter, number uint64, entry []byte) error {
	if err := tx.Bucket(bucketCounters).Put(key(counter), key(number)); err != nil {
		return err
	}
	entries := tx.Bucket(bucketEntries)
	entries.FillPercent = 1
	n, err := entries.NextSequence()
	if err != nil {
		return err
	}
	return entries.Put(key(n), entry)
}

func openGroupedBolt(dir string) (store, error) {
	db, err := newBolt(dir)
	if err != nil {
		return nil, err
	}
	return newGrouped(func(group []*pending) error {
		return db.Update(func(tx *bbolt.Tx) error {
			for _, p := range group {
				if err := putBolt(tx, p.counter, p.number, p.entry); err != nil {
					return err
				}
			}
			return nil
		})
	}, db.Close), nil
}

type bolt struct{ db *bbolt.DB }

func openBolt(dir string) (store, error) {
	db, err := newBolt(dir)
	return bolt{db}, err
}

func (b bolt) create(counter, number uint64, entry []byte) error {
	return b.db.Batch(func(tx *bbolt.Tx) error { return putBolt(tx, counter, number, entry) })
}

func (b bolt) close() error { return b.db.Close() }

type pebbles struct{ db *pebble.DB }

func openPebble(dir string) (store, error) {
	db, err := pebble.Open(dir, &pebble.Options{Logger: quiet{}})
	return pebbles{db}, err
}

func (p pebbles) create(counter, number uint64, entry []byte) error {
	batch := p.db.NewBatch()
	defer batch.Close()
	if err := batch.Set(append([]byte("c"), key(counter)...), key(number), nil); err != nil {
		return err
	}
	if err := batch.Set(append([]byte("e"), key(number)...), entry, nil); err != nil {
		return err
	}
	return batch.Commit(pebble.Sync)
}

func (p pebbles) close() error { return p.db.Close() }

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(string, ...any) { os.Exit(1) }

func openSQLite(dir string) (store, error) {
	db, err := sql.Open("sqlite", filepath.Join(dir, "sqlite")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	_, err = db.Exec(`CREATE TABLE entries (n INTEGER PRIMARY KEY, entry BLOB); CREATE TABLE counters (counter INTEGER PRIMARY KEY, number INTEGER)`)
	if err != nil {
		return nil, err
	}
	insert, err := db.Prepare(`INSERT INTO entries (entry) VALUES (?)`)
	if err != nil {
		return nil, err
	}
	raise, err := db.Prepare(`INSERT INTO counters VALUES (?, ?) ON CONFLICT DO UPDATE SET number = excluded.number`)
	if err != nil {
		return nil, err
	}
	return newGrouped(func(group []*pending) error {
		tx, err := db.Begin()
		if err != nil {
			return err
		}
		for _, p := range group {
			if _, err = tx.Stmt(insert).Exec(p.entry); err == nil {
				_, err = tx.Stmt(raise).Exec(p.counter, p.number)
			}
			if err != nil {
				_ = tx.Rollback()
				return err
			}
		}
		return tx.Commit()
	}, db.Close), nil
}
