package embedded

import (
	"context"
	"encoding/base64"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

// CreateApp implements chat.Store.
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

// App implements chat.Store.
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

// Apps implements chat.Store. Apps are in the order of their tokens, and a
// cursor is the last token of a page.
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
	key, data := rows.Seek([]byte(last))
	if last != "" && string(key) == last {
		key, data = rows.Next()
	}
	for ; key != nil; key, data = rows.Next() {
		if len(apps) == limit {
			return apps, encodeCursor(apps[limit-1].Token), nil
		}
		var app chat.App
		if err := decodeRow(data, &app); err != nil {
			return nil, "", err
		}
		apps = append(apps, app)
	}
	return apps, "", nil
}

func encodeCursor(token string) string { return base64.RawURLEncoding.EncodeToString([]byte(token)) }

func decodeCursor(cursor string) (token string, err error) {
	data, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || (cursor != "" && !chat.ValidToken(string(data))) {
		invalid := chat.FieldError{Field: "cursor", Message: "must come from the next link of a page"}
		return "", &chat.InvalidError{Fields: []chat.FieldError{invalid}}
	}
	return string(data), nil
}

// findApp returns chat.ErrAppNotFound if the app does not exist.
func (s *Store) findApp(token string) error {
	exists, err := s.numbers.exists(chat.AppParent(token))
	if err != nil {
		return unavailable(err)
	}
	if !exists {
		return chat.ErrAppNotFound
	}
	return nil
}
