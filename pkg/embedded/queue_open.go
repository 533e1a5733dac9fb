package embedded

import (
	"context"
	"encoding/binary"
	"errors"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded/createlog"

	"go.etcd.io/bbolt"
)

// openQueue opens the queue with its log in a folder. The numbers of creates in
// the log are durable only there until the creates are stored, so it raises the
// counters to them before any number is allocated.
func openQueue(dir string, c *committer, numbers *numbers, options Options) (*Queue, error) {
	q := &Queue{
		db: c.db, disk: c.disk, commit: c.commit, numbers: numbers, logger: options.Log, visibility: options.Visibility,
		sent: newSignal(), hidden: map[uint64]delivery{}, moved: map[uint64]struct{}{},
	}
	last, err := q.loadMoved()
	if err != nil {
		return nil, err
	}
	carried := carriedNumbers{}
	q.log, err = createlog.Open(dir, createlog.Options{Disk: c.disk, Last: last, Visit: carried.add, Keep: q.keep})
	if err != nil {
		return nil, err
	}
	q.replays = q.log.NextSequence()
	err = q.commit(context.Background(), func(tx *bbolt.Tx) error {
		return errors.Join(carried.raise(tx), q.forgetMarks(tx))
	})
	if err != nil {
		return nil, errors.Join(err, q.log.Close())
	}
	return q, nil
}

// loadMoved makes the creates of the bucket due, and returns the last sequence
// number that the log has used. A create that cannot be decoded becomes a dead
// letter.
func (q *Queue) loadMoved() (last uint64, err error) {
	var damaged []uint64
	err = q.db.View(func(tx *bbolt.Tx) error {
		rows := tx.Bucket(bucketCreates)
		last = rows.Sequence()
		note := func(key, _ []byte) error {
			if sequence := keySequence(key); sequence < salvagedKey {
				last = max(last, sequence)
				q.moved[sequence] = struct{}{}
			}
			return nil
		}
		if err := errors.Join(tx.Bucket(bucketDeadLettered).ForEach(note), rows.ForEach(note)); err != nil {
			return err
		}
		return rows.ForEach(func(key, data []byte) error {
			sequence := keySequence(key)
			e, err := decodeEntry(data)
			if err != nil {
				damaged = append(damaged, sequence)
				return nil
			}
			q.hidden[sequence] = delivery{receives: e.receives + 1} // with the one after which it moved
			return nil
		})
	})
	if err == nil && len(damaged) > 0 {
		err = q.commit(context.Background(), func(tx *bbolt.Tx) error { return q.deadLetterDamaged(tx, damaged) })
	}
	return last, err
}

// deadLetterDamaged moves creates of the bucket that cannot be decoded to the
// dead letters.
func (q *Queue) deadLetterDamaged(tx *bbolt.Tx, damaged []uint64) error {
	rows := tx.Bucket(bucketCreates)
	for _, sequence := range damaged {
		key := sequenceKey(sequence)
		q.logger.Error("create is damaged; it is a dead letter", "sequence", sequence)
		err := putDamaged(tx, sourceCreates, "the entry of the create is cut off", rows.Get(key))
		if err := errors.Join(err, markDeadLettered(tx, sequence), rows.Delete(key)); err != nil {
			return err
		}
	}
	return nil
}

// markDeadLettered notes that an entry of the log is a dead letter, because after
// a crash it is read there again.
func markDeadLettered(tx *bbolt.Tx, sequence uint64) error {
	if sequence >= salvagedKey {
		return nil // it is not in the log
	}
	return tx.Bucket(bucketDeadLettered).Put(sequenceKey(sequence), nil)
}

// forgetMarks deletes the marks of entries and places that are not in the log
// any more.
func (q *Queue) forgetMarks(tx *bbolt.Tx) error {
	marks := tx.Bucket(bucketDeadLettered)
	var gone [][]byte
	err := marks.ForEach(func(key, _ []byte) error {
		if !q.log.Holds(keySequence(key)) {
			gone = append(gone, key)
		}
		return nil
	})
	for _, key := range gone {
		err = errors.Join(err, marks.Delete(key))
	}
	if err != nil {
		return err
	}
	if err := tx.DeleteBucket(bucketSalvaged); err != nil {
		return err
	}
	_, err = tx.CreateBucket(bucketSalvaged)
	return err
}

// carriedNumbers holds the highest number that creates in the log have of each
// parent.
type carriedNumbers map[chat.Parent]int64

// add adds the numbers of an entry.
func (c carriedNumbers) add(_ uint64, data []byte) error {
	e, err := decodeEntry(data)
	if err == nil {
		c.addBody(e.body)
	}
	return err
}

// addBody adds the numbers of a create. It ignores what is not a create, which
// the writer will make a dead letter.
func (c carriedNumbers) addBody(body string) {
	create, err := chat.DecodeCreate([]byte(body))
	if err != nil {
		return
	}
	c[create.Parent()] = max(c[create.Parent()], create.Number())
	if create.Chat != nil {
		messages := create.Chat.ID().Parent()
		c[messages] = max(c[messages], 0)
	}
}

func (c carriedNumbers) raise(tx *bbolt.Tx) error {
	for parent, number := range c {
		if err := raise(tx, parent, number); err != nil {
			return err
		}
	}
	return nil
}

// salvagedKey begins the sequence numbers of entries that were found after
// damage. Their own numbers are not known; those of the log are lower.
const salvagedKey = 1 << 63

// keep stores what was found after damage in the log: entries as creates that
// may have been delivered, and damaged bytes as dead letters. It does so once
// for each place of the log.
func (q *Queue) keep(found createlog.Damage) error {
	where := []any{"file", found.File, "offset", found.Offset}
	if found.Torn > 0 {
		q.logger.Info("cut off the end of the log of creates, which was never acknowledged",
			append(where, "bytes", found.Torn)...)
	}
	if len(found.Entries)+len(found.Damaged) == 0 {
		return nil
	}
	key := binary.BigEndian.AppendUint64(sequenceKey(found.First), uint64(found.Offset))
	var kept []uint64
	err := q.commit(context.Background(), func(tx *bbolt.Tx) (err error) {
		if kept = nil; tx.Bucket(bucketSalvaged).Get(key) != nil { // before a crash
			return nil
		}
		if kept, err = keepDamage(tx, found); err != nil {
			return err
		}
		return tx.Bucket(bucketSalvaged).Put(key, nil)
	})
	if err != nil {
		return err
	}
	q.logger.Error("log of creates is damaged; the damaged bytes are dead letters",
		append(where, "damaged", len(found.Damaged), "whole_after", len(found.Entries))...)
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, id := range kept {
		q.hidden[id] = delivery{receives: 1}
	}
	return nil
}

// keepDamage stores what was found, and returns the keys of the entries.
func keepDamage(tx *bbolt.Tx, found createlog.Damage) (kept []uint64, err error) {
	rows, carried := tx.Bucket(bucketCreates), carriedNumbers{}
	for _, data := range found.Entries {
		n, err := rows.NextSequence()
		if err != nil {
			return nil, err
		}
		if err := errors.Join(carried.add(0, data), rows.Put(sequenceKey(salvagedKey|n), data)); err != nil {
			return nil, err
		}
		kept = append(kept, salvagedKey|n)
	}
	const reason = "its bytes in the log of creates do not match their checksum"
	for _, data := range found.Damaged {
		_ = carried.add(0, createlog.Entry(data)) // if its number can be read, it is not allocated again
		if err := putDamaged(tx, sourceCreates, reason, data); err != nil {
			return nil, err
		}
	}
	return kept, carried.raise(tx)
}
