package chat

import (
	"errors"
	"fmt"
	"strings"
)

// Errors that callers tell apart with errors.Is. Package api holds the one
// table that maps them to HTTP.
var (
	// ErrAppNotFound: no app has this token.
	ErrAppNotFound = errors.New("no app has this token")
	// ErrChatNotFound: this chat number has not been given out in the app.
	ErrChatNotFound = errors.New("the app has no chat with this number")
	// ErrMessageNotFound: this message number has not been given out in the chat.
	ErrMessageNotFound = errors.New("the chat has no message with this number")
	// ErrNotStoredYet: the number has been given out and its row is on its way.
	ErrNotStoredYet = errors.New("the number is given out and its row is not stored yet")
	// ErrMessageDeleted: only the message's tombstone is left.
	ErrMessageDeleted = errors.New("the message is deleted")
	// ErrVersionChanged: the row is in another version than the client allowed.
	ErrVersionChanged = errors.New("it was changed since the version that If-Match names")
	// ErrKeyInUse: a create with this Idempotency-Key is under way.
	ErrKeyInUse = errors.New("a request with this Idempotency-Key is under way; ask again for its answer")
	// ErrKeyReused: the Idempotency-Key stands for another request.
	ErrKeyReused = errors.New("this Idempotency-Key was used for another request; take a new one")
	// ErrChangesGone: the stream has forgotten the changes.
	ErrChangesGone = errors.New("the stream has forgotten these changes")
	// ErrReplaced: another rebuild of the index has taken this one over, removed
	// it, or put an index of its own in the place of the live one.
	ErrReplaced = errors.New("another rebuild has taken over")
	// ErrUnavailable: an engine could not be reached, refused for now, or did
	// not answer in time. The same call may succeed later.
	ErrUnavailable = errors.New("an engine is unavailable")
)

// FieldError says what is wrong with one field of a request.
type FieldError struct {
	Field   string // the field's name as clients spell it, e.g. "name"
	Message string // what the field must be, with the limit
}

// InvalidError lists every field of a request that breaks a limit.
type InvalidError struct {
	Fields []FieldError
}

// Error lists the fields with what each must be.
func (e *InvalidError) Error() string {
	rows := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		rows[i] = f.Field + " " + f.Message
	}
	return strings.Join(rows, "; ")
}

// fields collects field errors.
type fields []FieldError

func (f *fields) check(ok bool, field, format string, args ...any) {
	if !ok {
		*f = append(*f, FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
	}
}

func (f fields) err() error {
	if len(f) == 0 {
		return nil
	}
	return &InvalidError{Fields: f}
}
