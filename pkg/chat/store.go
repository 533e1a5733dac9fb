package chat

import (
	"context"
	"time"
)

// Store is the port to the rows of apps, chats and messages, and to the
// counters that give out their numbers.
//
// Every method may also return an error that wraps ErrUnavailable. Tokens have
// the form that ValidToken checks, and numbers are from 1 to MaxNumber.
type Store interface {
	// CreateApp stores a new app and its counter of chats, at 0, in one step.
	CreateApp(ctx context.Context, app App) error
	// App returns an app, or ErrAppNotFound.
	App(ctx context.Context, token string) (App, error)
	// Apps returns up to limit apps in an order of the store's own, from where
	// the cursor of the page before points ("" is the start), and the cursor of
	// the next page ("" after the last). A cursor that the store did not give
	// out is an *InvalidError.
	Apps(ctx context.Context, cursor string, limit int) (apps []App, next string, err error)

	// UpdateApp changes an app in one step, where its version is one of allowed,
	// and returns it as it is then. ErrAppNotFound, or ErrVersionChanged where
	// the version is another.
	UpdateApp(ctx context.Context, token string, edit AppEdit, allowed Versions) (App, error)

	// TakeChatNumber returns a chat number of the app that was never returned
	// before and is higher than all that were, or ErrAppNotFound.
	TakeChatNumber(ctx context.Context, appToken string) (int64, error)
	// OpenChat lets messages be created in a chat whose number was taken, from
	// now on and whether or not the chat's row is stored. Again is no change.
	OpenChat(ctx context.Context, id ChatID) error
	// StoreChats stores chats of one app, adds them to the app's ChatCount in
	// the same step, and opens them. Chats that are stored already are left as
	// they are. ErrAppNotFound where the app does not exist. On an error some
	// may be stored; storing all again is safe.
	StoreChats(ctx context.Context, appToken string, chats []Chat) error
	// Chat returns a chat, or ErrNotStoredYet, ErrChatNotFound or ErrAppNotFound.
	Chat(ctx context.Context, id ChatID) (Chat, error)
	// Chats returns a page of the app's stored chats, or ErrAppNotFound.
	Chats(ctx context.Context, appToken string, page Page) (chats []Chat, more bool, err error)

	// UpdateChat changes a chat as UpdateApp does an app. ErrNotStoredYet,
	// ErrChatNotFound or ErrAppNotFound, or ErrVersionChanged.
	UpdateChat(ctx context.Context, id ChatID, edit ChatEdit, allowed Versions) (Chat, error)

	// TakeMessageNumber returns a message number of the chat that was never
	// returned before and is higher than all that were, or ErrChatNotFound or
	// ErrAppNotFound. The number need not outlive a crash before a create that
	// carries it is sent or stored.
	TakeMessageNumber(ctx context.Context, id ChatID) (int64, error)
	// StoreMessages stores messages of one chat and adds them to the chat's
	// MessageCount in the same step; many are stored in several such steps.
	// Messages that are stored already are left as they are, and so are later
	// edits and deletes of them. On an error some may be stored; storing all
	// again is safe.
	StoreMessages(ctx context.Context, id ChatID, messages []Message) error
	// Message returns a message, which may be a tombstone, or ErrNotStoredYet,
	// ErrMessageNotFound, ErrChatNotFound or ErrAppNotFound.
	Message(ctx context.Context, id ChatID, number int64) (Message, error)
	// Messages returns a page of the chat's stored messages, tombstones among
	// them, or ErrChatNotFound or ErrAppNotFound.
	Messages(ctx context.Context, id ChatID, page Page) (messages []Message, more bool, err error)
	// UpdateMessage changes a message as UpdateApp does an app. ErrNotStoredYet,
	// ErrMessageNotFound, ErrChatNotFound or ErrAppNotFound, ErrMessageDeleted,
	// or ErrVersionChanged.
	UpdateMessage(ctx context.Context, id ChatID, number int64, edit MessageEdit, allowed Versions) (Message, error)
	// DeleteMessage leaves the message's tombstone and takes it off the chat's
	// MessageCount in the same step. A message that is deleted already is left
	// as it is, whatever versions are allowed, so deleting again is safe. The
	// errors are otherwise those of UpdateMessage.
	DeleteMessage(ctx context.Context, id ChatID, number int64, at time.Time, allowed Versions) error

	// FindChat returns nil where messages can be created in the chat, else
	// ErrChatNotFound or ErrAppNotFound.
	FindChat(ctx context.Context, id ChatID) error

	// Ping returns an error where the store does not answer.
	Ping(ctx context.Context) error
}

// Page asks for the items with numbers above After and, where Before is not 0,
// below Before: Limit of them, lowest number first, or highest first where
// Descending is set.
type Page struct {
	After, Before int64
	Limit         int
	Descending    bool
}
