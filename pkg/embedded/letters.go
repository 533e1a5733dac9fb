package embedded

import (
	"context"
	"fmt"
	"strconv"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

// Letters is a chat.DeadLetters on the letters of one source.
type Letters struct {
	all    *DeadLetters
	source string
	last   uint64 // sequence of the letter that was taken last
}

var _ chat.DeadLetters = (*Letters)(nil)

// Letters returns the letters of a source, SourceCreates or SourceStream.
func (d *DeadLetters) Letters(source string) *Letters { return &Letters{all: d, source: source} }

// Take implements chat.DeadLetters, oldest first.
func (l *Letters) Take(ctx context.Context, most int) (letters []chat.DeadLetter, err error) {
	if err := alive(ctx); err != nil {
		return nil, wrap(err, "take dead letters")
	}
	err = l.all.db.View(func(tx *bbolt.Tx) error {
		rows := tx.Bucket(bucketDeadLetters).Cursor()
		for key, text := rows.Seek(sequenceKey(l.last + 1)); key != nil && len(letters) < most; key, text = rows.Next() {
			var stored DeadLetter
			if err := decodeRow(text, &stored); err != nil {
				return err
			}
			l.last = keySequence(key)
			if stored.Source == l.source {
				letters = append(letters, chat.DeadLetter{
					ID: strconv.FormatUint(l.last, 10), Reason: stored.Reason, SentAt: stored.At, Body: stored.Body,
				})
			}
		}
		return nil
	})
	return letters, wrap(err, "take dead letters")
}

// Delete implements chat.DeadLetters.
func (l *Letters) Delete(ctx context.Context, letter chat.DeadLetter) error {
	id, err := strconv.ParseUint(letter.ID, 10, 64)
	if err != nil {
		return fmt.Errorf("delete dead letter: id %q was not given out: %w", letter.ID, err)
	}
	err = l.all.commit(ctx, func(tx *bbolt.Tx) error { return tx.Bucket(bucketDeadLetters).Delete(sequenceKey(id)) })
	return wrap(err, "delete dead letter")
}

// Release implements chat.DeadLetters: the next Take begins with the oldest
// again.
func (l *Letters) Release(context.Context) error {
	l.last = 0
	return nil
}
