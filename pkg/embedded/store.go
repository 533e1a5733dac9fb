package embedded

import (
	"context"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

// Store implements chat.Store, chat.Readers, chat.Auditor and chat.Scanner on
// bbolt.
type Store struct {
	rows    view
	commit  commit
	numbers *numbers
	changed *signal // sent when a message's row has changed
}

var _ chat.Store = (*Store)(nil)

// AllocateChatNumber implements chat.Store.
func (s *Store) AllocateChatNumber(ctx context.Context, appToken string) (int64, error) {
	n, err := s.allocate(ctx, chat.AppParent(appToken))
	return n, wrap(err, "allocate chat number")
}

// AllocateMessageNumber implements chat.Store.
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
	if err := s.findApp(parent.AppToken); err != nil {
		return err
	}
	return chat.ErrChatNotFound
}

// CheckChat implements chat.Store.
func (s *Store) CheckChat(ctx context.Context, id chat.ChatID) error {
	if err := alive(ctx); err != nil {
		return err
	}
	exists, err := s.numbers.exists(id.Parent())
	if err != nil {
		return unavailable(err)
	}
	if !exists {
		return s.missing(id.Parent())
	}
	return nil
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

// Ping implements chat.Store: it returns an error if rows.db cannot be read, or
// the disk failed.
func (s *Store) Ping(ctx context.Context) error {
	err := s.view(ctx, func(*bbolt.Tx) error { return nil })
	return wrap(err, "ping store")
}

func (s *Store) view(ctx context.Context, read func(*bbolt.Tx) error) error {
	if err := alive(ctx); err != nil {
		return err
	}
	return s.rows(read)
}
