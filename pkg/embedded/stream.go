package embedded

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
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
	log     *slog.Logger
	changed *signal
}

var _ chat.Stream = (*Stream)(nil)

// encodeChange returns a change as it stands in its bucket: when, the length
// of the old row, the old row and the new one, each as JSON or empty. The rows
// are there already as JSON, so this costs a copy and no encoding.
func encodeChange(at time.Time, before, after []byte) []byte {
	text := make([]byte, 0, 12+len(before)+len(after))
	text = binary.BigEndian.AppendUint64(text, uint64(at.UnixMilli()))
	text = binary.BigEndian.AppendUint32(text, uint32(len(before)))
	return append(append(text, before...), after...)
}

func decodeChange(sequence uint64, text []byte) (chat.Change, error) {
	if len(text) < 12 || len(text)-12 < int(binary.BigEndian.Uint32(text[8:])) {
		return chat.Change{}, fmt.Errorf("decode change %d: it is cut off", sequence)
	}
	at := time.UnixMilli(int64(binary.BigEndian.Uint64(text))).UTC()
	rows, split := text[12:], binary.BigEndian.Uint32(text[8:])
	before, err := decodeMessage(rows[:split])
	if err != nil {
		return chat.Change{}, fmt.Errorf("decode change %d: %w", sequence, err)
	}
	after, err := decodeMessage(rows[split:])
	return chat.Change{Sequence: sequence, At: at, Old: before, New: after}, err
}

func decodeMessage(text []byte) (*chat.Message, error) {
	if len(text) == 0 {
		return nil, nil
	}
	var m chat.Message
	return &m, decodeRow(text, &m)
}

// readBytes is after how many bytes of rows a Read stops: a batch of the
// longest messages must fit into memory several times, as rows, as an event
// and as documents of the index.
const readBytes = 4 << 20

// Read returns up to limit changes after the checkpoint, fewer where they are
// long. Where there are none it waits for a second at most. A change that
// cannot be decoded becomes a dead letter and holds up nothing.
func (s *Stream) Read(ctx context.Context, limit int) ([]chat.Change, error) {
	changed := s.changed.next()
	changes, err := s.read(ctx, limit)
	if err == nil && len(changes) == 0 {
		wait(ctx, changed, waitForWork)
		changes, err = s.read(ctx, limit)
	}
	return changes, wrap(err, "read changes")
}

func (s *Stream) read(ctx context.Context, limit int) ([]chat.Change, error) {
	for {
		if err := alive(ctx); err != nil {
			return nil, err
		}
		changes, damaged, err := s.readWhole(limit)
		if damaged == nil || len(changes) > 0 || err != nil {
			return changes, err
		}
		if err := s.discard(ctx, *damaged); err != nil {
			return nil, err
		}
	}
}

// damagedChange is a change that cannot be decoded.
type damagedChange struct {
	sequence uint64
	err      error
}

// readWhole returns the changes before the first that cannot be decoded, and
// that.
func (s *Stream) readWhole(limit int) (changes []chat.Change, damaged *damagedChange, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		rows := tx.Bucket(bucketChanges).Cursor()
		size := 0
		for key, text := rows.First(); key != nil && len(changes) < limit && size < readBytes; key, text = rows.Next() {
			size += len(text)
			c, err := decodeChange(keySequence(key), text)
			if err != nil {
				damaged = &damagedChange{keySequence(key), err}
				return nil
			}
			changes = append(changes, c)
		}
		return nil
	})
	return changes, damaged, err
}

// discard moves the first change to the dead letters.
func (s *Stream) discard(ctx context.Context, damaged damagedChange) error {
	err := s.checkpoint(ctx, damaged.sequence, func(tx *bbolt.Tx) error {
		text := tx.Bucket(bucketChanges).Get(sequenceKey(damaged.sequence))
		if text == nil {
			return nil
		}
		return putDamaged(tx, sourceChanges, damaged.err.Error(), text)
	})
	if err == nil {
		s.log.Error("a change of a message is damaged: it is a dead letter now", "sequence", damaged.sequence, "error", damaged.err)
	}
	return err
}

// Checkpoint deletes the changes up to and with this sequence number.
func (s *Stream) Checkpoint(ctx context.Context, sequence uint64) error {
	return wrap(s.checkpoint(ctx, sequence, func(*bbolt.Tx) error { return nil }), "checkpoint")
}

// checkpoint does something else in the same transaction, before.
func (s *Stream) checkpoint(ctx context.Context, sequence uint64, before func(*bbolt.Tx) error) error {
	return s.commit(ctx, func(tx *bbolt.Tx) error {
		if err := before(tx); err != nil {
			return err
		}
		return deleteChanges(tx, sequence)
	})
}

// deleteChanges deletes the changes up to and with a sequence number. It finds
// them all before: the first of a bucket is behind all pages that a transaction
// has emptied, so that to delete it again and again takes ever longer.
func deleteChanges(tx *bbolt.Tx, sequence uint64) error {
	rows := tx.Bucket(bucketChanges)
	var done []uint64
	cursor := rows.Cursor()
	for key, _ := cursor.First(); key != nil && keySequence(key) <= sequence; key, _ = cursor.Next() {
		done = append(done, keySequence(key))
	}
	for _, n := range done {
		if err := rows.Delete(sequenceKey(n)); err != nil {
			return err
		}
	}
	return nil
}
