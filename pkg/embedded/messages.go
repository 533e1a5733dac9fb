package embedded

import (
	"context"
	"time"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

// StoreMessages implements chat.Store: the messages, the chat's count and the
// changes for the stream are one transaction.
func (s *Store) StoreMessages(ctx context.Context, id chat.ChatID, messages []chat.Message) error {
	rows, err := newMessageRows(messages)
	if err != nil {
		return wrap(err, "store messages")
	}
	err = s.commit(ctx, func(tx *bbolt.Tx) error { return storeMessages(tx, id, rows) })
	if err == nil {
		for _, m := range messages {
			s.numbers.stored(id.Parent(), m.Number)
		}
		s.changed.send()
	}
	return wrap(err, "store messages")
}

// messageRow is a message as it is stored. It is encoded before the transaction
// begins, because all other writes wait for that.
type messageRow struct {
	number           int64
	key, row, change []byte
}

func newMessageRows(messages []chat.Message) ([]messageRow, error) {
	rows := make([]messageRow, len(messages))
	now := time.Now()
	for i, m := range messages {
		row, err := encodeRow(&messages[i])
		if err != nil {
			return nil, err
		}
		key := messageKey(m.ChatID(), m.Number)
		rows[i] = messageRow{number: m.Number, key: key, row: row, change: encodeChange(now, nil, row)}
	}
	return rows, nil
}

func storeMessages(tx *bbolt.Tx, id chat.ChatID, messages []messageRow) error {
	var row chat.Chat
	rows, key := tx.Bucket(bucketChats), chatKey(id)
	if _, err := get(rows, key, &row); err != nil {
		return err
	}
	before, last := row.MessageCount, int64(0)
	for _, m := range messages {
		added, err := storeMessage(tx, m)
		if err != nil {
			return err
		}
		row.MessageCount += added
		last = max(last, m.number)
	}
	if row.MessageCount == before {
		return nil
	}
	row.AppToken, row.Number = id.AppToken, id.Number
	if err := put(rows, key, row); err != nil {
		return err
	}
	return raise(tx, id.Parent(), last)
}

// storeMessage returns 1 if the message is new, and 0 if it was stored before.
func storeMessage(tx *bbolt.Tx, m messageRow) (added int64, err error) {
	rows := tx.Bucket(bucketMessages)
	if rows.Get(m.key) != nil {
		return 0, nil
	}
	if err := rows.Put(m.key, m.row); err != nil {
		return 0, err
	}
	return 1, appendTo(tx.Bucket(bucketChanges), m.change)
}

// Message implements chat.Store.
func (s *Store) Message(ctx context.Context, id chat.ChatID, number int64) (m chat.Message, err error) {
	exists := false
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		exists, err = get(tx.Bucket(bucketMessages), messageKey(id, number), &m)
		return err
	})
	if err == nil && !exists {
		err = s.notStored(id.Parent(), number, chat.ErrMessageNotFound)
	}
	return m, wrap(err, "get message")
}

// Messages implements chat.Store.
func (s *Store) Messages(
	ctx context.Context, id chat.ChatID, page chat.Page,
) (messages []chat.Message, more bool, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		return eachNumber(tx.Bucket(bucketMessages), chatKey(id), page, func(data []byte) (bool, error) {
			if more = len(messages) == page.Limit; more {
				return false, nil
			}
			var m chat.Message
			err := decodeRow(data, &m)
			messages = append(messages, m)
			return err == nil, err
		})
	})
	if err == nil && len(messages) == 0 {
		err = s.CheckChat(ctx, id)
	}
	return messages, more, wrap(err, "list messages")
}
