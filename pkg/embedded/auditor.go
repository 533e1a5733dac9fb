package embedded

import (
	"bytes"
	"context"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

var _ chat.Auditor = (*Store)(nil)

// Counter returns the highest number given out of a counter.
func (s *Store) Counter(ctx context.Context, parent chat.Parent) (value int64, found bool, err error) {
	if err := alive(ctx); err != nil {
		return 0, false, wrap(err, "read counter")
	}
	value, found, err = s.numbers.last(parent)
	if err != nil {
		err = unavailable(err)
	}
	return value, found, wrap(err, "read counter")
}

// RaiseCounter raises a counter in one transaction.
func (s *Store) RaiseCounter(ctx context.Context, parent chat.Parent, value int64) error {
	err := s.commit(ctx, func(tx *bbolt.Tx) error { return raise(tx, parent, value) })
	if err == nil {
		s.numbers.stored(parent, value)
	}
	return wrap(err, "raise counter")
}

// CountChats counts the chats of an app, in a snapshot of the file.
func (s *Store) CountChats(ctx context.Context, appToken string) (t chat.Count, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		_, t, err = tallyChats(tx, appToken)
		return err
	})
	return t, wrap(err, "count chats")
}

// CountMessages counts the messages of a chat, in a snapshot of the file.
func (s *Store) CountMessages(ctx context.Context, id chat.ChatID) (t chat.Count, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		_, t, err = tallyMessages(tx, id)
		return err
	})
	return t, wrap(err, "count messages")
}

// RepairChatCount counts and repairs in one transaction.
func (s *Store) RepairChatCount(ctx context.Context, appToken string) (t chat.Count, err error) {
	err = s.commit(ctx, func(tx *bbolt.Tx) error {
		app, tally, err := tallyChats(tx, appToken)
		if t = tally; err != nil || t.Exact() {
			return err
		}
		app.ChatCount = t.Actual
		return put(tx.Bucket(bucketApps), []byte(appToken), app)
	})
	return t, wrap(err, "repair count of chats")
}

// RepairMessageCount counts and repairs in one transaction.
func (s *Store) RepairMessageCount(ctx context.Context, id chat.ChatID) (t chat.Count, err error) {
	err = s.commit(ctx, func(tx *bbolt.Tx) error {
		row, tally, err := tallyMessages(tx, id)
		if t = tally; err != nil || t.Exact() {
			return err
		}
		row.AppToken, row.Number, row.MessageCount = id.AppToken, id.Number, t.Actual
		return put(tx.Bucket(bucketChats), chatKey(id), row)
	})
	return t, wrap(err, "repair count of messages")
}

func tallyChats(tx *bbolt.Tx, appToken string) (app chat.App, t chat.Count, err error) {
	found, err := get(tx.Bucket(bucketApps), []byte(appToken), &app)
	if err != nil {
		return app, t, err
	}
	if !found {
		return app, t, untouched{chat.ErrAppNotFound}
	}
	t.Stored = app.ChatCount
	t.Actual, err = countRows(tx.Bucket(bucketChats), []byte(appToken), func(c chat.Chat) bool { return !hidden(c) })
	return app, t, err
}

func tallyMessages(tx *bbolt.Tx, id chat.ChatID) (row chat.Chat, t chat.Count, err error) {
	if _, err := get(tx.Bucket(bucketChats), chatKey(id), &row); err != nil {
		return row, t, err
	}
	t.Stored = row.MessageCount
	t.Actual, err = countRows(tx.Bucket(bucketMessages), chatKey(id), func(m chat.Message) bool { return !m.Deleted() })
	return row, t, err
}

// countRows returns how many of the rows of a parent count.
func countRows[Row any](bucket *bbolt.Bucket, parent []byte, counts func(Row) bool) (n int64, err error) {
	rows := bucket.Cursor()
	for key, text := rows.Seek(parent); bytes.HasPrefix(key, parent); key, text = rows.Next() {
		var row Row
		if err := decodeRow(text, &row); err != nil {
			return 0, err
		}
		if counts(row) {
			n++
		}
	}
	return n, nil
}
