package embedded

import (
	"context"
	"encoding/json"
	"time"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

// waitForWork is how long Receive and Read wait where there is nothing.
const waitForWork = time.Second

// Stream is the port to the changes of messages. What is checkpointed is
// deleted, so the checkpoint is where the rest begins.
type Stream struct {
	db      *bbolt.DB
	commit  commit
	changed *signal
}

var _ chat.Stream = (*Stream)(nil)

// change is a chat.Change as it stands in its bucket.
type change struct {
	At  time.Time       `json:"at"`
	Old json.RawMessage `json:"old,omitempty"` // a message
	New json.RawMessage `json:"new,omitempty"` // a message
}

func (c change) decode(sequence uint64) (chat.Change, error) {
	before, err := decodeMessage(c.Old)
	if err != nil {
		return chat.Change{}, err
	}
	after, err := decodeMessage(c.New)
	return chat.Change{Sequence: sequence, At: c.At, Old: before, New: after}, err
}

func decodeMessage(text json.RawMessage) (*chat.Message, error) {
	if text == nil {
		return nil, nil
	}
	var m chat.Message
	return &m, decodeRow(text, &m)
}

// Read returns up to most changes after the checkpoint. Where there are none
// it waits for a second at most.
func (s *Stream) Read(ctx context.Context, most int) ([]chat.Change, error) {
	changed := s.changed.next()
	changes, err := s.read(ctx, most)
	if err == nil && len(changes) == 0 {
		wait(ctx, changed, waitForWork)
		changes, err = s.read(ctx, most)
	}
	return changes, wrap(err, "read changes")
}

func (s *Stream) read(ctx context.Context, most int) (changes []chat.Change, err error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	err = s.db.View(func(tx *bbolt.Tx) error {
		rows := tx.Bucket(bucketChanges).Cursor()
		for key, text := rows.First(); key != nil && len(changes) < most; key, text = rows.Next() {
			var row change
			if err := decodeRow(text, &row); err != nil {
				return err
			}
			c, err := row.decode(keySequence(key))
			if err != nil {
				return err
			}
			changes = append(changes, c)
		}
		return nil
	})
	return changes, err
}

// Checkpoint deletes the changes up to and with this sequence number.
func (s *Stream) Checkpoint(ctx context.Context, sequence uint64) error {
	err := s.commit(ctx, func(tx *bbolt.Tx) error {
		rows := tx.Bucket(bucketChanges).Cursor()
		for key, _ := rows.First(); key != nil && keySequence(key) <= sequence; key, _ = rows.First() {
			if err := rows.Delete(); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "checkpoint")
}
