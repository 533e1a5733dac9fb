package embedded

import (
	"bytes"
	"context"
	"encoding/base64"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

var _ chat.Scanner = (*Store)(nil)

// ScanMessages implements chat.Scanner, in the order of the keys.
func (s *Store) ScanMessages(
	ctx context.Context, cursor string, limit int,
) (messages []chat.Message, next string, err error) {
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
	key, data := rows.Seek(last)
	if len(last) > 0 && bytes.Equal(key, last) {
		key, data = rows.Next()
	}
	for ; key != nil; key, data = rows.Next() {
		if len(messages) == limit {
			return messages, encodeScanCursor(messages[limit-1]), nil
		}
		var m chat.Message
		if err := decodeRow(data, &m); err != nil {
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
		invalid := chat.FieldError{Field: "cursor", Message: "must be the one that the page before returned"}
		return nil, &chat.InvalidError{Fields: []chat.FieldError{invalid}}
	}
	return key, nil
}

func isMessageKey(key []byte) bool {
	return len(key) == chat.TokenLength+16 && chat.ValidToken(string(key[:chat.TokenLength]))
}
