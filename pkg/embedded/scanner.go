package embedded

import (
	"bytes"
	"context"
	"encoding/base64"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

var _ chat.Scanner = (*Store)(nil)

// ScanMessages returns a page of all messages in the order of their keys.
func (s *Store) ScanMessages(ctx context.Context, cursor string, limit int) (messages []chat.Message, next string, err error) {
	last, err := decodeScanCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		messages, next, err = messagesAfter(tx, last, limit)
		return err
	})
	return messages, next, wrap(err, "scan messages")
}

func messagesAfter(tx *bbolt.Tx, last []byte, limit int) (messages []chat.Message, next string, err error) {
	rows := tx.Bucket(bucketMessages).Cursor()
	key, text := rows.Seek(last)
	if len(last) > 0 && bytes.Equal(key, last) {
		key, text = rows.Next()
	}
	for ; key != nil; key, text = rows.Next() {
		if len(messages) == limit {
			return messages, encodeScanCursor(messages[limit-1]), nil
		}
		var m chat.Message
		if err := decodeRow(text, &m); err != nil {
			return nil, "", err
		}
		messages = append(messages, m)
	}
	return messages, "", nil
}

func encodeScanCursor(m chat.Message) string {
	return base64.RawURLEncoding.EncodeToString(messageKey(m.ChatID(), m.Number))
}

func decodeScanCursor(cursor string) ([]byte, error) {
	key, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || (len(key) > 0 && !isMessageKey(key)) {
		return nil, &chat.InvalidError{Fields: []chat.FieldError{{Field: "cursor", Message: "must be the one that the page before gave"}}}
	}
	return key, nil
}

func isMessageKey(key []byte) bool {
	return len(key) == chat.TokenLength+16 && chat.ValidToken(string(key[:chat.TokenLength]))
}
