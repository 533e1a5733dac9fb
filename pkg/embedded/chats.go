package embedded

import (
	"context"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

// CreateCounter implements chat.Store.
func (s *Store) CreateCounter(ctx context.Context, id chat.ChatID) error {
	err := s.commit(ctx, func(tx *bbolt.Tx) error { return createCounter(tx, id) })
	if err == nil {
		s.numbers.stored(chat.AppParent(id.AppToken), id.Number)
	}
	return wrap(err, "create counter of chat")
}

// createCounter makes the chat's number and its counter durable.
func createCounter(tx *bbolt.Tx, id chat.ChatID) error {
	if err := raise(tx, chat.AppParent(id.AppToken), id.Number); err != nil {
		return err
	}
	return raise(tx, id.Parent(), 0)
}

// StoreChats implements chat.Store.
func (s *Store) StoreChats(ctx context.Context, appToken string, chats []chat.Chat) error {
	err := s.commit(ctx, func(tx *bbolt.Tx) error { return storeChats(tx, appToken, chats) })
	if err == nil {
		for _, c := range chats {
			s.numbers.stored(chat.AppParent(appToken), c.Number)
		}
	}
	return wrap(err, "store chats")
}

func storeChats(tx *bbolt.Tx, appToken string, chats []chat.Chat) error {
	var app chat.App
	exists, err := get(tx.Bucket(bucketApps), []byte(appToken), &app)
	if err != nil {
		return err
	}
	if !exists {
		return untouched{chat.ErrAppNotFound}
	}
	for _, c := range chats {
		added, err := storeChat(tx, c)
		if err != nil {
			return err
		}
		app.ChatCount += added
	}
	return put(tx.Bucket(bucketApps), []byte(appToken), app)
}

// storeChat returns 1 if the chat is new, and 0 if it was stored before.
func storeChat(tx *bbolt.Tx, c chat.Chat) (added int64, err error) {
	rows, key := tx.Bucket(bucketChats), chatKey(c.ID())
	var row chat.Chat
	if _, err := get(rows, key, &row); err != nil {
		return 0, err
	}
	if !hidden(row) {
		return 0, nil
	}
	c.MessageCount = row.MessageCount
	if err := put(rows, key, c); err != nil {
		return 0, err
	}
	return 1, createCounter(tx, c.ID())
}

// hidden reports whether a row only counts the messages of a chat whose own
// create has not arrived.
func hidden(row chat.Chat) bool { return row.CreatedAt.IsZero() }

// Chat implements chat.Store.
func (s *Store) Chat(ctx context.Context, id chat.ChatID) (c chat.Chat, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		_, err := get(tx.Bucket(bucketChats), chatKey(id), &c)
		return err
	})
	if err == nil && hidden(c) {
		c, err = chat.Chat{}, s.notStored(chat.AppParent(id.AppToken), id.Number, chat.ErrChatNotFound)
	}
	return c, wrap(err, "get chat")
}

// Chats implements chat.Store.
func (s *Store) Chats(ctx context.Context, appToken string, page chat.Page) (chats []chat.Chat, more bool, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		return eachNumber(tx.Bucket(bucketChats), []byte(appToken), page, func(data []byte) (bool, error) {
			var c chat.Chat
			if err := decodeRow(data, &c); err != nil {
				return false, err
			}
			if hidden(c) {
				return true, nil
			}
			if more = len(chats) == page.Limit; !more {
				chats = append(chats, c)
			}
			return !more, nil
		})
	})
	if err == nil && len(chats) == 0 {
		err = s.findApp(appToken)
	}
	return chats, more, wrap(err, "list chats")
}
