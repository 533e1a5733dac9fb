package embedded

import (
	"context"
	"errors"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

// Keys returns how many idempotency keys are stored, and how many of them are
// to expire.
func (b *Backend) Keys() (keys, expiries int, err error) {
	err = b.db.View(func(tx *bbolt.Tx) error {
		keys, expiries = tx.Bucket(bucketKeys).Stats().KeyN, tx.Bucket(bucketExpiries).Stats().KeyN
		return nil
	})
	return keys, expiries, err
}

// SendRaw puts any body into the queue, which no client of the package can.
func (q *Queue) SendRaw(ctx context.Context, body string) error {
	return q.append(ctx, body)
}

// AddToCount adds to a count and to nothing else.
func (s *Store) AddToCount(ctx context.Context, id chat.ChatID, n int64) error {
	return s.commit(ctx, func(tx *bbolt.Tx) error {
		if id.Number == 0 {
			var app chat.App
			if _, err := get(tx.Bucket(bucketApps), []byte(id.AppToken), &app); err != nil {
				return err
			}
			app.ChatCount += n
			return put(tx.Bucket(bucketApps), []byte(id.AppToken), app)
		}
		var c chat.Chat
		if _, err := get(tx.Bucket(bucketChats), chatKey(id), &c); err != nil {
			return err
		}
		c.MessageCount += n
		return put(tx.Bucket(bucketChats), chatKey(id), c)
	})
}

// RemoveCounter removes a counter from the file and from memory.
func (s *Store) RemoveCounter(ctx context.Context, id chat.ChatID) error {
	shard := s.numbers.shard(id)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	delete(shard.counters, id)
	return s.commit(ctx, func(tx *bbolt.Tx) error { return tx.Bucket(bucketCounters).Delete(counterKey(id)) })
}

// CutRows cuts all rows of a bucket off after some bytes, as a broken disk may.
func (b *Backend) CutRows(bucket string, after int) error {
	return b.db.Update(func(tx *bbolt.Tx) error {
		rows := tx.Bucket([]byte(bucket))
		cut := map[string][]byte{}
		err := rows.ForEach(func(key, text []byte) error {
			cut[string(key)] = append([]byte(nil), text[:after]...)
			return nil
		})
		for key, text := range cut {
			err = errors.Join(err, rows.Put([]byte(key), text))
		}
		return err
	})
}
