package embedded

import (
	"bytes"
	"context"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

var _ chat.Auditor = (*Store)(nil)

// Counter implements chat.Auditor. It returns the highest durable number.
func (s *Store) Counter(ctx context.Context, parent chat.Parent) (value int64, exists bool, err error) {
	if err := alive(ctx); err != nil {
		return 0, false, wrap(err, "read counter")
	}
	value, exists, err = s.numbers.last(parent)
	if err != nil {
		err = unavailable(err)
	}
	return value, exists, wrap(err, "read counter")
}

// RaiseCounter implements chat.Auditor.
func (s *Store) RaiseCounter(ctx context.Context, parent chat.Parent, value int64) error {
	err := s.commit(ctx, func(tx *bbolt.Tx) error { return raise(tx, parent, value) })
	if err == nil {
		s.numbers.stored(parent, value)
	}
	return wrap(err, "raise counter")
}

// CountChats implements chat.Auditor.
func (s *Store) CountChats(ctx context.Context, appToken string) (c chat.Count, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		_, c, err = chatCount(tx, appToken)
		return err
	})
	return c, wrap(err, "count chats")
}

// CountMessages implements chat.Auditor.
func (s *Store) CountMessages(ctx context.Context, id chat.ChatID) (c chat.Count, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		_, c, err = messageCount(tx, id)
		return err
	})
	return c, wrap(err, "count messages")
}

// RepairChatCount implements chat.Auditor. It counts and repairs in one
// transaction.
func (s *Store) RepairChatCount(ctx context.Context, appToken string) (c chat.Count, err error) {
	err = s.commit(ctx, func(tx *bbolt.Tx) error {
		app, counted, err := chatCount(tx, appToken)
		if c = counted; err != nil || c.Exact() {
			return err
		}
		app.ChatCount = c.Actual
		return put(tx.Bucket(bucketApps), []byte(appToken), app)
	})
	return c, wrap(err, "repair count of chats")
}

// RepairMessageCount implements chat.Auditor. It counts and repairs in one
// transaction.
func (s *Store) RepairMessageCount(ctx context.Context, id chat.ChatID) (c chat.Count, err error) {
	err = s.commit(ctx, func(tx *bbolt.Tx) error {
		row, counted, err := messageCount(tx, id)
		if c = counted; err != nil || c.Exact() {
			return err
		}
		row.AppToken, row.Number, row.MessageCount = id.AppToken, id.Number, c.Actual
		return put(tx.Bucket(bucketChats), chatKey(id), row)
	})
	return c, wrap(err, "repair count of messages")
}

// chatCount returns an app and the count of its chats.
func chatCount(tx *bbolt.Tx, appToken string) (app chat.App, c chat.Count, err error) {
	exists, err := get(tx.Bucket(bucketApps), []byte(appToken), &app)
	if err != nil {
		return app, c, err
	}
	if !exists {
		return app, c, untouched{chat.ErrAppNotFound}
	}
	c.Stored = app.ChatCount
	c.Actual, err = countRows(tx.Bucket(bucketChats), []byte(appToken), func(row chat.Chat) bool { return !hidden(row) })
	return app, c, err
}

// messageCount returns a chat and the count of its messages.
func messageCount(tx *bbolt.Tx, id chat.ChatID) (row chat.Chat, c chat.Count, err error) {
	if _, err := get(tx.Bucket(bucketChats), chatKey(id), &row); err != nil {
		return row, c, err
	}
	c.Stored = row.MessageCount
	live := func(m chat.Message) bool { return !m.Deleted() }
	c.Actual, err = countRows(tx.Bucket(bucketMessages), chatKey(id), live)
	return row, c, err
}

// countRows returns how many of the rows of a parent count.
func countRows[Row any](bucket *bbolt.Bucket, parent []byte, counts func(Row) bool) (n int64, err error) {
	rows := bucket.Cursor()
	for key, data := rows.Seek(parent); bytes.HasPrefix(key, parent); key, data = rows.Next() {
		var row Row
		if err := decodeRow(data, &row); err != nil {
			return 0, err
		}
		if counts(row) {
			n++
		}
	}
	return n, nil
}
