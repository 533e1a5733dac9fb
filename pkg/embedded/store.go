package embedded

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

// Store is the port to rows and numbers in one file.
type Store struct {
	db      *bbolt.DB
	commit  commit
	numbers *numbers
	changed *signal // a message's row changed
}

var _ chat.Store = (*Store)(nil)

// CreateApp stores an app and its counter of chats.
func (s *Store) CreateApp(ctx context.Context, app chat.App) error {
	err := s.commit(ctx, func(tx *bbolt.Tx) error { return createApp(tx, app) })
	return wrap(err, "create app")
}

func createApp(tx *bbolt.Tx, app chat.App) error {
	if err := raise(tx, chat.AppParent(app.Token), 0); err != nil {
		return err
	}
	return put(tx.Bucket(bucketApps), []byte(app.Token), app)
}

// App returns an app, or chat.ErrAppNotFound.
func (s *Store) App(ctx context.Context, token string) (app chat.App, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		exists, err := get(tx.Bucket(bucketApps), []byte(token), &app)
		if err == nil && !exists {
			return chat.ErrAppNotFound
		}
		return err
	})
	return app, wrap(err, "get app")
}

// Apps returns a page of apps in the order of their tokens.
func (s *Store) Apps(ctx context.Context, cursor string, limit int) (apps []chat.App, next string, err error) {
	last, err := decodeCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		apps, next, err = appsAfter(tx, last, limit)
		return err
	})
	return apps, next, wrap(err, "list apps")
}

func appsAfter(tx *bbolt.Tx, last string, limit int) (apps []chat.App, next string, err error) {
	rows := tx.Bucket(bucketApps).Cursor()
	key, text := rows.Seek([]byte(last))
	if last != "" && string(key) == last {
		key, text = rows.Next()
	}
	for ; key != nil; key, text = rows.Next() {
		if len(apps) == limit {
			return apps, encodeCursor(apps[limit-1].Token), nil
		}
		var app chat.App
		if err := decodeRow(text, &app); err != nil {
			return nil, "", err
		}
		apps = append(apps, app)
	}
	return apps, "", nil
}

func encodeCursor(token string) string { return base64.RawURLEncoding.EncodeToString([]byte(token)) }

func decodeCursor(cursor string) (token string, err error) {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || (cursor != "" && !chat.ValidToken(string(text))) {
		return "", &chat.InvalidError{Fields: []chat.FieldError{{Field: "cursor", Message: "must come from the next link of a page"}}}
	}
	return string(text), nil
}

// AllocateChatNumber returns the next chat number of an app.
func (s *Store) AllocateChatNumber(ctx context.Context, appToken string) (int64, error) {
	n, err := s.allocate(ctx, chat.AppParent(appToken))
	return n, wrap(err, "allocate chat number")
}

// AllocateMessageNumber returns the next message number of a chat.
func (s *Store) AllocateMessageNumber(ctx context.Context, id chat.ChatID) (int64, error) {
	n, err := s.allocate(ctx, id.Parent())
	return n, wrap(err, "allocate message number")
}

func (s *Store) allocate(ctx context.Context, parent chat.Parent) (int64, error) {
	if err := alive(ctx); err != nil {
		return 0, err
	}
	n, err := s.numbers.allocate(parent)
	if err != nil {
		return 0, unavailable(err)
	}
	if n == 0 {
		return 0, s.missing(parent)
	}
	return n, nil
}

// missing returns why a counter does not exist: chat.ErrAppNotFound or
// chat.ErrChatNotFound.
func (s *Store) missing(parent chat.Parent) error {
	if parent.IsApp() {
		return chat.ErrAppNotFound
	}
	_, exists, err := s.numbers.last(chat.AppParent(parent.AppToken))
	switch {
	case err != nil:
		return unavailable(err)
	case !exists:
		return chat.ErrAppNotFound
	default:
		return chat.ErrChatNotFound
	}
}

// CheckChat returns nil if messages can be created in the chat.
func (s *Store) CheckChat(ctx context.Context, id chat.ChatID) error {
	if err := alive(ctx); err != nil {
		return err
	}
	_, exists, err := s.numbers.last(id.Parent())
	if err != nil {
		return unavailable(err)
	}
	if !exists {
		return s.missing(id.Parent())
	}
	return nil
}

// CreateCounter creates the counter of a chat's messages.
func (s *Store) CreateCounter(ctx context.Context, id chat.ChatID) error {
	err := s.commit(ctx, func(tx *bbolt.Tx) error { return createCounter(tx, id) })
	if err == nil {
		s.numbers.settle(chat.AppParent(id.AppToken), id.Number)
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

// StoreChats stores chats and adds them to the app's count in one transaction.
func (s *Store) StoreChats(ctx context.Context, appToken string, chats []chat.Chat) error {
	err := s.commit(ctx, func(tx *bbolt.Tx) error { return storeChats(tx, appToken, chats) })
	if err == nil {
		for _, c := range chats {
			s.numbers.settle(chat.AppParent(appToken), c.Number)
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

// storeChat returns 1 where the chat is new and 0 where it was there.
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

// Chat returns a chat.
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

// notStored returns why a number has no row: it is not stored yet, it is not
// allocated, or its parent does not exist.
func (s *Store) notStored(parent chat.Parent, number int64, notFound error) error {
	last, exists, err := s.numbers.last(parent)
	switch {
	case err != nil:
		return unavailable(err)
	case !exists:
		return s.missing(parent)
	case number <= last:
		return chat.ErrNotStoredYet
	default:
		return notFound
	}
}

// Chats returns a page of an app's chats.
func (s *Store) Chats(ctx context.Context, appToken string, page chat.Page) (chats []chat.Chat, more bool, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		return eachNumber(tx.Bucket(bucketChats), []byte(appToken), page, func(text []byte) (bool, error) {
			var c chat.Chat
			if err := decodeRow(text, &c); err != nil {
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

func (s *Store) findApp(token string) error {
	_, exists, err := s.numbers.last(chat.AppParent(token))
	if err != nil {
		return unavailable(err)
	}
	if !exists {
		return chat.ErrAppNotFound
	}
	return nil
}

// StoreMessages stores messages of one chat, adds them to its count and notes
// the changes for the stream in one transaction.
func (s *Store) StoreMessages(ctx context.Context, id chat.ChatID, messages []chat.Message) error {
	rows, err := newMessageRows(messages)
	if err != nil {
		return wrap(err, "store messages")
	}
	err = s.commit(ctx, func(tx *bbolt.Tx) error { return storeMessages(tx, id, rows) })
	if err == nil {
		for _, m := range messages {
			s.numbers.settle(id.Parent(), m.Number)
		}
		s.changed.send()
	}
	return wrap(err, "store messages")
}

// messageRow is a message as it goes into the file: encoded ahead, because
// everyone waits for the committer.
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
		rows[i] = messageRow{number: m.Number, key: messageKey(m.ChatID(), m.Number), row: row, change: encodeChange(now, nil, row)}
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

// storeMessage returns 1 where the message is new and 0 where it was there.
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

// Message returns a message.
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

// Messages returns a page of a chat's messages.
func (s *Store) Messages(ctx context.Context, id chat.ChatID, page chat.Page) (messages []chat.Message, more bool, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		return eachNumber(tx.Bucket(bucketMessages), chatKey(id), page, func(text []byte) (bool, error) {
			if more = len(messages) == page.Limit; more {
				return false, nil
			}
			var m chat.Message
			err := decodeRow(text, &m)
			messages = append(messages, m)
			return err == nil, err
		})
	})
	if err == nil && len(messages) == 0 {
		err = s.CheckChat(ctx, id)
	}
	return messages, more, wrap(err, "list messages")
}

// Ping returns an error where the file cannot be read.
func (s *Store) Ping(ctx context.Context) error {
	return wrap(s.view(ctx, func(*bbolt.Tx) error { return nil }), "ping store")
}

func (s *Store) view(ctx context.Context, read func(*bbolt.Tx) error) error {
	if err := alive(ctx); err != nil {
		return err
	}
	return s.db.View(read)
}

func alive(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	return nil
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", chat.ErrUnavailable, err) }

func wrap(err error, tried string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", tried, err)
}
