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

// waitForWork is how long Receive and Read wait if there is nothing.
const waitForWork = time.Second

// Stream implements chat.Stream on bbolt. A checkpoint deletes the changes before
// it.
type Stream struct {
	rows    view
	commit  commit
	log     *slog.Logger
	changed *signal
}

var _ chat.Stream = (*Stream)(nil)

// encodeChange returns a change as it is stored: its time, the length of the old
// row, the old row and the new one, each as JSON or empty. The rows already are
// JSON, so this costs a copy and no encoding.
func encodeChange(at time.Time, before, after []byte) []byte {
	data := make([]byte, 0, 12+len(before)+len(after))
	data = binary.BigEndian.AppendUint64(data, uint64(at.UnixMilli()))
	data = binary.BigEndian.AppendUint32(data, uint32(len(before)))
	return append(append(data, before...), after...)
}

func decodeChange(sequence uint64, data []byte) (chat.Change, error) {
	if len(data) < 12 || len(data)-12 < int(binary.BigEndian.Uint32(data[8:])) {
		return chat.Change{}, fmt.Errorf("decode change %d: it is cut off", sequence)
	}
	at := time.UnixMilli(int64(binary.BigEndian.Uint64(data))).UTC()
	rows, split := data[12:], binary.BigEndian.Uint32(data[8:])
	before, err := decodeMessage(rows[:split])
	if err != nil {
		return chat.Change{}, fmt.Errorf("decode change %d: %w", sequence, err)
	}
	after, err := decodeMessage(rows[split:])
	return chat.Change{Sequence: sequence, At: at, Old: before, New: after}, err
}

func decodeMessage(data []byte) (*chat.Message, error) {
	if len(data) == 0 {
		return nil, nil
	}
	var m chat.Message
	return &m, decodeRow(data, &m)
}

// readBytes is the size of rows at which a Read ends: a batch of the longest
// messages must fit into memory several times, as rows, as messages and as
// documents of the index.
const readBytes = 4 << 20

// Read implements chat.Stream. It returns fewer changes if they are long, and
// waits up to waitForWork for a change. A change that cannot be decoded becomes a
// dead letter, so that no other waits for it.
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

// damagedChange is a change that cannot be decoded, and why.
type damagedChange struct {
	sequence uint64
	err      error
}

// readWhole returns the changes before the first one that cannot be decoded, and
// that one.
func (s *Stream) readWhole(limit int) (changes []chat.Change, damaged *damagedChange, err error) {
	err = s.rows(func(tx *bbolt.Tx) error {
		rows := tx.Bucket(bucketChanges).Cursor()
		size := 0
		for key, data := rows.First(); key != nil && len(changes) < limit && size < readBytes; key, data = rows.Next() {
			size += len(data)
			c, err := decodeChange(keySequence(key), data)
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
		data := tx.Bucket(bucketChanges).Get(sequenceKey(damaged.sequence))
		if data == nil {
			return nil
		}
		return putDamaged(tx, sourceChanges, damaged.err.Error(), data)
	})
	if err == nil {
		s.log.Error("change is damaged; it is a dead letter", "sequence", damaged.sequence, "error", damaged.err)
	}
	return err
}

// Checkpoint implements chat.Stream.
func (s *Stream) Checkpoint(ctx context.Context, sequence uint64) error {
	return wrap(s.checkpoint(ctx, sequence, func(*bbolt.Tx) error { return nil }), "checkpoint")
}

// checkpoint deletes changes, after another write in the same transaction.
func (s *Stream) checkpoint(ctx context.Context, sequence uint64, before func(*bbolt.Tx) error) error {
	return s.commit(ctx, func(tx *bbolt.Tx) error {
		if err := before(tx); err != nil {
			return err
		}
		return deleteChanges(tx, sequence)
	})
}

// deleteChanges deletes the changes up to a sequence number. It finds all of them
// first: to find the first change of a bucket again after each delete takes longer
// each time, because it follows all pages that the transaction has emptied.
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
