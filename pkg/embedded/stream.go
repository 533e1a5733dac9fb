package embedded

import (
	"context"
	"encoding/binary"
	"fmt"
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
	rebuilt func() // called once the index has all that migrate asked for
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

// Read returns up to most changes after the checkpoint, fewer where they are
// long. Where there are none it waits for a second at most.
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
		size := 0
		for key, text := rows.First(); key != nil && len(changes) < most && size < readBytes; key, text = rows.Next() {
			size += len(text)
			c, err := decodeChange(keySequence(key), text)
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
	rebuilt := false
	err := s.commit(ctx, func(tx *bbolt.Tx) (err error) {
		rows := tx.Bucket(bucketChanges).Cursor()
		for key, _ := rows.First(); key != nil && keySequence(key) <= sequence; key, _ = rows.First() {
			if err := rows.Delete(); err != nil {
				return err
			}
		}
		rebuilt, err = endRebuild(tx, sequence)
		return err
	})
	if err == nil && rebuilt {
		s.rebuilt()
	}
	return wrap(err, "checkpoint")
}
