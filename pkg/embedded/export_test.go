package embedded

import (
	"context"
	"errors"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded/disk"

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
func (b *Backend) SendRaw(ctx context.Context, body string) error {
	return b.queue.append(ctx, body)
}

// AddToCount adds to a count and to nothing else.
func (b *Backend) AddToCount(ctx context.Context, parent chat.Parent, n int64) error {
	return b.committer.commit(ctx, func(tx *bbolt.Tx) error {
		if parent.IsApp() {
			var app chat.App
			if _, err := get(tx.Bucket(bucketApps), []byte(parent.AppToken), &app); err != nil {
				return err
			}
			app.ChatCount += n
			return put(tx.Bucket(bucketApps), []byte(parent.AppToken), app)
		}
		var c chat.Chat
		if _, err := get(tx.Bucket(bucketChats), chatKey(parent.ChatID()), &c); err != nil {
			return err
		}
		c.MessageCount += n
		return put(tx.Bucket(bucketChats), chatKey(parent.ChatID()), c)
	})
}

// RemoveCounter removes a counter from the file and from memory.
func (b *Backend) RemoveCounter(ctx context.Context, parent chat.Parent) error {
	shard := b.Store.(*Store).numbers.shard(parent)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	delete(shard.counters, parent)
	return b.committer.commit(ctx, func(tx *bbolt.Tx) error { return tx.Bucket(bucketCounters).Delete(counterKey(parent)) })
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

// DeadLetters returns all dead letters of creates and changes, oldest first.
func (b *Backend) DeadLetters(ctx context.Context) (letters []chat.DeadLetter, err error) {
	for _, source := range []chat.DeadLetters{b.CreateDeadLetters, b.ChangeDeadLetters} {
		some, receiveErr := source.Receive(ctx, 1000)
		letters, err = append(letters, some...), errors.Join(err, receiveErr, source.Release(ctx))
	}
	return letters, err
}

// OpenDeadLetters returns the dead letters of changes as a new process sees
// them.
func (b *Backend) OpenDeadLetters() chat.DeadLetters {
	return &deadLetters{rows: b.committer.view, commit: b.committer.commit, source: sourceChanges}
}

// WithHooks returns options with hooks that make the disk fail.
func (o Options) WithHooks(hooks disk.Hooks) Options {
	o.disk = hooks
	return o
}

// EnqueuingStore returns the store as clients see it, who get a number only after
// its create was enqueued.
func (b *Backend) EnqueuingStore() chat.Store { return enqueuingStore{b.Store.(*Store)} }

type enqueuingStore struct{ *Store }

func (s enqueuingStore) AllocateChatNumber(ctx context.Context, appToken string) (int64, error) {
	n, err := s.Store.AllocateChatNumber(ctx, appToken)
	if err == nil {
		s.numbers.enqueued(chat.AppParent(appToken), n)
	}
	return n, err
}

func (s enqueuingStore) AllocateMessageNumber(ctx context.Context, id chat.ChatID) (int64, error) {
	n, err := s.Store.AllocateMessageNumber(ctx, id)
	if err == nil {
		s.numbers.enqueued(id.Parent(), n)
	}
	return n, err
}
