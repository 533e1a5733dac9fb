package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

// redeliver returns creates that are visible again, and moves those that were
// delivered too often to the dead letters.
func (q *Queue) redeliver(ctx context.Context, limit int) (found []chat.Delivery, err error) {
	due := q.removeDue(limit)
	if len(due) == 0 {
		return nil, nil
	}
	if err := q.commit(ctx, func(tx *bbolt.Tx) error { return countReceives(tx, due) }); err != nil {
		q.putBack(due)
		return nil, err
	}
	q.leaveLog(due)
	found, err = q.deliverAgain(due)
	if err != nil {
		q.putBack(due)
	}
	return found, err
}

// removeDue removes up to limit creates that are visible again from the hidden
// ones, and no more than may be delivered together. Those that were delivered
// least often come first, then the oldest: nothing waits for a create that may
// have ended the process, and an innocent one is seldom delivered right after the
// start of a process that ends again.
func (q *Queue) removeDue(limit int) map[uint64]delivery {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	var ids []uint64
	for id, d := range q.hidden {
		if now.After(d.until) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uint64) int {
		return cmp.Or(cmp.Compare(q.hidden[a].receives, q.hidden[b].receives), cmp.Compare(a, b))
	})
	due := map[uint64]delivery{}
	for _, id := range ids {
		d := q.hidden[id]
		limit = min(limit, batchLimit(d.receives))
		if len(due) >= limit {
			break
		}
		due[id] = d
		delete(q.hidden, id)
	}
	return due
}

// batchLimit returns how many creates that were delivered so often may be
// delivered together. One that ends the process takes few others with it to the
// dead letters, in the end none.
func batchLimit(receives int) int {
	switch receives {
	case 0, 1:
		return math.MaxInt
	case 2:
		return 32
	case 3:
		return 4
	default:
		return 1
	}
}

func (q *Queue) putBack(due map[uint64]delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	maps.Copy(q.hidden, due)
}

// leaveLog notes that creates are in the bucket now, and their entries in the
// log are not needed.
func (q *Queue) leaveLog(due map[uint64]delivery) {
	for id, d := range due {
		if d.data != nil {
			q.log.Consume(id)
			d.data = nil
			due[id] = d
		}
	}
}

// countReceives makes the deliveries of creates durable, so that one that ends
// the process is not delivered forever. The numbers of creates that leave the log
// become durable as well.
func countReceives(tx *bbolt.Tx, due map[uint64]delivery) error {
	carried := carriedNumbers{}
	for id, d := range due {
		if d.data != nil {
			if err := carried.add(id, d.data); err != nil {
				return err
			}
		}
		if err := countReceive(tx, id, d); err != nil {
			return err
		}
	}
	return carried.raise(tx)
}

func countReceive(tx *bbolt.Tx, sequence uint64, d delivery) error {
	rows, key, data := tx.Bucket(bucketCreates), sequenceKey(sequence), d.data
	if data == nil {
		data = rows.Get(key)
	}
	if data == nil { // deleted meanwhile
		return nil
	}
	e, err := decodeEntry(data)
	if err != nil {
		return err
	}
	e.receives = d.receives
	if d.receives < MaxReceives {
		return rows.Put(key, e.encode())
	}
	reason := fmt.Sprintf("delivered %d times and never stored", e.receives)
	err = putDeadLetter(tx, deadLetter{Source: sourceCreates, Reason: reason, Body: e.body, At: time.Now().UTC()})
	return errors.Join(err, markDeadLettered(tx, sequence), rows.Delete(key))
}

// deliverAgain returns those of the creates that still exist, and hides them.
func (q *Queue) deliverAgain(due map[uint64]delivery) (found []chat.Delivery, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	until := time.Now().Add(q.visibility)
	err = q.db.View(func(tx *bbolt.Tx) error {
		for _, id := range slices.Sorted(maps.Keys(due)) {
			data := tx.Bucket(bucketCreates).Get(sequenceKey(id))
			if data == nil { // deleted meanwhile, or a dead letter now
				continue
			}
			e, err := decodeEntry(data)
			if err != nil {
				return err
			}
			q.hidden[id] = delivery{until: until, receives: e.receives + 1}
			found = append(found, e.delivery(id, e.receives+1))
		}
		return nil
	})
	return found, err
}
