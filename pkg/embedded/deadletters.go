package embedded

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

// deadLetterSource names what a dead letter was.
type deadLetterSource string

const (
	sourceCreates deadLetterSource = "creates"
	sourceChanges deadLetterSource = "stream"
)

// deadLetter is a row of the bucket of dead letters, which has those of both
// sources.
type deadLetter struct {
	Source deadLetterSource `json:"source"`
	Reason string           `json:"reason"`
	Body   string           `json:"body"` // of the create or the change, as it came
	At     time.Time        `json:"at"`
}

// deadLetters implements chat.DeadLetters on bbolt for one source. Receive,
// Delete and Release are for one caller at a time.
type deadLetters struct {
	rows   view
	commit commit
	source deadLetterSource
	last   uint64 // sequence number of the dead letter that was received last
}

var _ chat.DeadLetters = (*deadLetters)(nil)

// Send implements chat.DeadLetters. The number of a create becomes durable with
// it, because the create leaves the log.
func (d *deadLetters) Send(ctx context.Context, reason string, body []byte) error {
	letter := deadLetter{Source: d.source, Reason: reason, Body: string(body), At: time.Now().UTC()}
	carried := carriedNumbers{}
	if d.source == sourceCreates {
		carried.addBody(letter.Body)
	}
	err := d.commit(ctx, func(tx *bbolt.Tx) error {
		if err := carried.raise(tx); err != nil {
			return err
		}
		return putDeadLetter(tx, letter)
	})
	return wrap(err, "send dead letter")
}

// Receive implements chat.DeadLetters, oldest first.
func (d *deadLetters) Receive(ctx context.Context, limit int) (letters []chat.DeadLetter, err error) {
	if err := alive(ctx); err != nil {
		return nil, wrap(err, "receive dead letters")
	}
	err = d.rows(func(tx *bbolt.Tx) error {
		rows := tx.Bucket(bucketDeadLetters).Cursor()
		key, data := rows.Seek(sequenceKey(d.last + 1))
		for ; key != nil && len(letters) < limit; key, data = rows.Next() {
			var row deadLetter
			if err := decodeRow(data, &row); err != nil {
				return err
			}
			d.last = keySequence(key)
			if row.Source == d.source {
				letters = append(letters, chat.DeadLetter{
					ID: strconv.FormatUint(d.last, 10), Reason: row.Reason, SentAt: row.At, Body: row.Body,
				})
			}
		}
		return nil
	})
	return letters, wrap(err, "receive dead letters")
}

// Delete implements chat.DeadLetters.
func (d *deadLetters) Delete(ctx context.Context, letter chat.DeadLetter) error {
	id, err := strconv.ParseUint(letter.ID, 10, 64)
	if err != nil {
		return fmt.Errorf("delete dead letter: invalid ID %q: want a number", letter.ID)
	}
	err = d.commit(ctx, func(tx *bbolt.Tx) error { return tx.Bucket(bucketDeadLetters).Delete(sequenceKey(id)) })
	return wrap(err, "delete dead letter")
}

// Release implements chat.DeadLetters: the next Receive begins with the oldest.
func (d *deadLetters) Release(context.Context) error {
	d.last = 0
	return nil
}

// putDeadLetter stores a dead letter. Bytes that are not UTF-8, which no row
// can hold, are replaced by U+FFFD.
func putDeadLetter(tx *bbolt.Tx, letter deadLetter) error {
	letter.Reason = strings.ToValidUTF8(letter.Reason, "\ufffd")
	letter.Body = strings.ToValidUTF8(letter.Body, "\ufffd")
	bucket := tx.Bucket(bucketDeadLetters)
	n, err := bucket.NextSequence()
	if err != nil {
		return err
	}
	return put(bucket, sequenceKey(n), letter)
}

// putDamaged stores bytes that cannot be decoded as a dead letter, in base64,
// because the body of a dead letter is text.
func putDamaged(tx *bbolt.Tx, source deadLetterSource, reason string, data []byte) error {
	return putDeadLetter(tx, deadLetter{
		Source: source, Reason: fmt.Sprintf("damaged: %s; the body is %d bytes in base64", reason, len(data)),
		Body: base64.StdEncoding.EncodeToString(data), At: time.Now().UTC(),
	})
}
