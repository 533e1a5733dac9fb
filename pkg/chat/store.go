package chat

import (
	"context"
	"time"
)

// Store is the port to the rows of apps, chats and messages, and to the
// counters that their numbers are allocated from.
//
// A number need not be durable before its create is enqueued or stored. Until then
// a method may treat it as not allocated, but never afterwards, not even after a
// restart. No client knows a number before.
//
// Tokens passed to it have the form that ValidToken checks, and numbers are
// from 1 to MaxNumber. Every method may also return an error that wraps
// ErrUnavailable.
type Store interface {
	// CreateApp stores a new app and the counter of its chats, at 0, in one
	// transaction.
	CreateApp(ctx context.Context, app App) error
	// App returns an app, or ErrAppNotFound.
	App(ctx context.Context, token string) (App, error)
	// Apps returns up to limit apps in an order of the store's own, and the
	// cursor of the next page, "" after the last. The cursor "" is the start.
	// A cursor that the store did not return is an *InvalidError.
	Apps(ctx context.Context, cursor string, limit int) (apps []App, next string, err error)
	// UpdateApp changes an app if its version is one of allowed, and returns
	// the changed app. It returns ErrAppNotFound, or ErrVersionChanged if the
	// app has another version.
	UpdateApp(ctx context.Context, token string, edit AppEdit, allowed Versions) (App, error)

	// AllocateChatNumber returns a chat number of the app that is higher than
	// every number allocated before, or ErrAppNotFound.
	AllocateChatNumber(ctx context.Context, appToken string) (int64, error)
	// CreateCounter creates the counter of a chat's messages, so that messages
	// can be created from now on, whether or not the chat's row is stored. An
	// existing counter stays as it is.
	CreateCounter(ctx context.Context, id ChatID) error
	// StoreChats stores chats of one app and adds them to the app's ChatCount
	// in the same transaction, and creates their counters. Chats that are
	// already stored stay as they are. It returns ErrAppNotFound if the app
	// does not exist, and an error that wraps ErrUnstorable if one of the chats
	// can never be stored. After an error some of the chats may be stored, which
	// a *NotStoredError tells; it is safe to store all of them again.
	StoreChats(ctx context.Context, appToken string, chats []Chat) error
	// Chat returns a chat, or ErrNotStoredYet, ErrChatNotFound or
	// ErrAppNotFound.
	Chat(ctx context.Context, id ChatID) (Chat, error)
	// Chats returns a page of the app's stored chats, or ErrAppNotFound.
	Chats(ctx context.Context, appToken string, page Page) (chats []Chat, more bool, err error)
	// UpdateChat changes a chat as UpdateApp changes an app. It returns
	// ErrNotStoredYet, ErrChatNotFound, ErrAppNotFound or ErrVersionChanged.
	UpdateChat(ctx context.Context, id ChatID, edit ChatEdit, allowed Versions) (Chat, error)
	// CheckChat returns nil if messages can be created in the chat, else
	// ErrChatNotFound or ErrAppNotFound.
	CheckChat(ctx context.Context, id ChatID) error

	// AllocateMessageNumber returns a message number of the chat that is higher
	// than every number allocated before, or ErrChatNotFound or ErrAppNotFound.
	// After a crash a number may be allocated again if no create with it was
	// enqueued or stored.
	AllocateMessageNumber(ctx context.Context, id ChatID) (int64, error)
	// StoreMessages stores messages of one chat and adds them to the chat's
	// MessageCount in the same transaction; many messages take several
	// transactions. Messages that are already stored stay as they are, with
	// their later edits and deletes. Errors are as those of StoreChats, except
	// that the app is not checked.
	//
	// A message that is stored more than LateAfter after its CreatedAt may be
	// missed by clients that read past its number. This is the one place where
	// such a message will be stored together with a record of the change feed.
	// It takes no read to know: a repeat of a create keeps its CreatedAt.
	StoreMessages(ctx context.Context, id ChatID, messages []Message) error
	// Message returns a message, which may be a tombstone, or ErrNotStoredYet,
	// ErrMessageNotFound, ErrChatNotFound or ErrAppNotFound.
	Message(ctx context.Context, id ChatID, number int64) (Message, error)
	// Messages returns a page of the chat's stored messages, including
	// tombstones, or ErrChatNotFound or ErrAppNotFound.
	Messages(ctx context.Context, id ChatID, page Page) (messages []Message, more bool, err error)
	// UpdateMessage changes a message as UpdateApp changes an app. It returns
	// ErrNotStoredYet, ErrMessageNotFound, ErrChatNotFound, ErrAppNotFound,
	// ErrMessageDeleted or ErrVersionChanged.
	UpdateMessage(ctx context.Context, id ChatID, number int64, edit MessageEdit, allowed Versions) (Message, error)
	// DeleteMessage replaces a message by its tombstone and subtracts it from
	// the chat's MessageCount in the same transaction. A message that is
	// already deleted stays as it is, whatever versions are allowed, so that
	// deleting again is safe. The other errors are those of UpdateMessage.
	DeleteMessage(ctx context.Context, id ChatID, number int64, at time.Time, allowed Versions) error

	// Ping returns an error if the store does not respond.
	Ping(ctx context.Context) error
}

// Page selects the items of a list with numbers above After and, unless Before
// is 0, below Before: up to Limit of them, in ascending order, or in descending
// order if Descending is set.
type Page struct {
	After, Before int64
	Limit         int
	Descending    bool
}
