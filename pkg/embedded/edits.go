package embedded

import (
	"context"
	"errors"
	"time"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

// UpdateApp implements chat.Store.
func (s *Store) UpdateApp(
	ctx context.Context, token string, edit chat.AppEdit, allowed chat.Versions,
) (app chat.App, err error) {
	err = s.commit(ctx, func(tx *bbolt.Tx) error {
		app = chat.App{}
		exists, err := get(tx.Bucket(bucketApps), []byte(token), &app)
		switch {
		case err != nil:
			return err
		case !exists:
			return untouched{chat.ErrAppNotFound}
		case !allowed.Allow(app.Version):
			return untouched{chat.ErrVersionChanged}
		}
		app = edit.Apply(app)
		return put(tx.Bucket(bucketApps), []byte(token), app)
	})
	if err != nil {
		return chat.App{}, wrap(err, "update app")
	}
	return app, nil
}

// UpdateChat implements chat.Store.
func (s *Store) UpdateChat(
	ctx context.Context, id chat.ChatID, edit chat.ChatEdit, allowed chat.Versions,
) (c chat.Chat, err error) {
	err = s.commit(ctx, func(tx *bbolt.Tx) error {
		c = chat.Chat{}
		_, err := get(tx.Bucket(bucketChats), chatKey(id), &c)
		switch {
		case err != nil:
			return err
		case hidden(c):
			return untouched{errNoRow}
		case !allowed.Allow(c.Version):
			return untouched{chat.ErrVersionChanged}
		}
		c = edit.Apply(c)
		return put(tx.Bucket(bucketChats), chatKey(id), c)
	})
	if errors.Is(err, errNoRow) {
		err = s.notStored(chat.AppParent(id.AppToken), id.Number, chat.ErrChatNotFound)
	}
	if err != nil {
		return chat.Chat{}, wrap(err, "update chat")
	}
	return c, nil
}

// UpdateMessage implements chat.Store: the message and its change for the stream
// are one transaction.
func (s *Store) UpdateMessage(
	ctx context.Context, id chat.ChatID, number int64, edit chat.MessageEdit, allowed chat.Versions,
) (m chat.Message, err error) {
	err = s.changeMessage(ctx, id, number, func(_ *bbolt.Tx, old chat.Message) (chat.Message, error) {
		switch {
		case old.Deleted():
			return old, untouched{chat.ErrMessageDeleted}
		case !allowed.Allow(old.Version):
			return old, untouched{chat.ErrVersionChanged}
		}
		m = edit.Apply(old)
		return m, nil
	})
	if err != nil {
		return chat.Message{}, wrap(err, "update message")
	}
	return m, nil
}

// DeleteMessage implements chat.Store: the tombstone, the chat's count and the
// change for the stream are one transaction.
func (s *Store) DeleteMessage(
	ctx context.Context, id chat.ChatID, number int64, at time.Time, allowed chat.Versions,
) error {
	err := s.changeMessage(ctx, id, number, func(tx *bbolt.Tx, old chat.Message) (chat.Message, error) {
		switch {
		case old.Deleted():
			return old, untouched{errUnchanged}
		case !allowed.Allow(old.Version):
			return old, untouched{chat.ErrVersionChanged}
		}
		return old.Tombstone(at), subtractMessage(tx, id)
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return wrap(err, "delete message")
}

// errUnchanged is returned by a change of a message that is not needed.
var errUnchanged = errors.New("the message is already as it should be")

// errNoRow is returned by a write if there is no row. Why is looked up after the
// transaction.
var errNoRow = errors.New("the row does not exist")

// changeMessage replaces a message's row by what change returns.
func (s *Store) changeMessage(
	ctx context.Context, id chat.ChatID, number int64,
	change func(*bbolt.Tx, chat.Message) (chat.Message, error),
) error {
	key := messageKey(id, number)
	err := s.commit(ctx, func(tx *bbolt.Tx) error {
		before := tx.Bucket(bucketMessages).Get(key)
		if before == nil {
			return untouched{errNoRow}
		}
		var old chat.Message
		if err := decodeRow(before, &old); err != nil {
			return err
		}
		m, err := change(tx, old)
		if err != nil {
			return err
		}
		after, err := encodeRow(&m)
		if err != nil {
			return err
		}
		if err := appendTo(tx.Bucket(bucketChanges), encodeChange(time.Now(), before, after)); err != nil {
			return err
		}
		return tx.Bucket(bucketMessages).Put(key, after)
	})
	if errors.Is(err, errNoRow) {
		return s.notStored(id.Parent(), number, chat.ErrMessageNotFound)
	}
	if err == nil {
		s.changed.send()
	}
	return err
}

// subtractMessage subtracts one from a chat's count of messages.
func subtractMessage(tx *bbolt.Tx, id chat.ChatID) error {
	var row chat.Chat
	exists, err := get(tx.Bucket(bucketChats), chatKey(id), &row)
	if err != nil {
		return err
	}
	if !exists {
		return errors.New("the row that counts the chat's messages is missing")
	}
	row.MessageCount--
	return put(tx.Bucket(bucketChats), chatKey(id), row)
}
