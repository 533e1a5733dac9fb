package embedded

import (
	"context"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// Where dead letters come from.
const (
	SourceCreates = "creates"
	SourceStream  = "stream"
)

// DeadLetter is a create that was never stored or a change that was never
// indexed.
type DeadLetter struct {
	Source string    `json:"source"`
	Reason string    `json:"reason"`
	Body   string    `json:"body"` // of the create or the stream record, as it came
	At     time.Time `json:"at"`
}

// DeadLetters keeps what could not be dealt with.
type DeadLetters struct {
	db     *bbolt.DB
	commit commit
}

// Send stores a stream record that cannot be indexed.
func (d *DeadLetters) Send(ctx context.Context, reason string, record []byte) error {
	return d.Bury(ctx, SourceStream, reason, record)
}

// Bury stores a letter of a source.
func (d *DeadLetters) Bury(ctx context.Context, source, reason string, body []byte) error {
	letter := DeadLetter{Source: source, Reason: reason, Body: string(body), At: time.Now().UTC()}
	return wrap(d.commit(ctx, func(tx *bbolt.Tx) error { return bury(tx, letter) }), "send dead letter")
}

// List returns all dead letters, oldest first.
func (d *DeadLetters) List(ctx context.Context) (letters []DeadLetter, err error) {
	if err := alive(ctx); err != nil {
		return nil, wrap(err, "list dead letters")
	}
	err = d.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketDeadLetters).ForEach(func(_, text []byte) error {
			var letter DeadLetter
			err := decodeRow(text, &letter)
			letters = append(letters, letter)
			return err
		})
	})
	return letters, wrap(err, "list dead letters")
}

// bury stores a letter. It can be of any bytes; U+FFFD takes the place of those
// that are not UTF-8, which no row can hold.
func bury(tx *bbolt.Tx, letter DeadLetter) error {
	letter.Reason = strings.ToValidUTF8(letter.Reason, "\ufffd")
	letter.Body = strings.ToValidUTF8(letter.Body, "\ufffd")
	bucket := tx.Bucket(bucketDeadLetters)
	n, err := bucket.NextSequence()
	if err != nil {
		return err
	}
	return put(bucket, sequenceKey(n), letter)
}
