package chat

import (
	"errors"
	"fmt"
	"strings"
)

// Errors that callers distinguish with errors.Is. The one table that maps them
// to HTTP is in package api.
var (
	// ErrAppNotFound is returned when no app has the token.
	ErrAppNotFound = errors.New("no app has this token")
	// ErrChatNotFound is returned when the chat number is not allocated.
	ErrChatNotFound = errors.New("the app has no chat with this number")
	// ErrMessageNotFound is returned when the message number is not allocated.
	ErrMessageNotFound = errors.New("the chat has no message with this number")
	// ErrNotStoredYet is returned when a number is allocated and its row is not
	// stored yet.
	ErrNotStoredYet = errors.New("the number is allocated, but its row is not stored yet")
	// ErrNumberVoid is returned when a message number is allocated and its
	// create never arrived; see VoidAfter.
	ErrNumberVoid = errors.New("the number is void: no message with it was ever stored")
	// ErrMessageDeleted is returned when only the message's tombstone is left.
	ErrMessageDeleted = errors.New("the message is deleted")
	// ErrVersionChanged is returned when a row has another version than the
	// client allowed.
	ErrVersionChanged = errors.New("it has changed since the version in If-Match")
	// ErrKeyInUse is returned while another create with the Idempotency-Key is
	// in progress.
	ErrKeyInUse = errors.New("a request with this Idempotency-Key is in progress; repeat it to get its response")
	// ErrKeyReused is returned when the Idempotency-Key belongs to another
	// request.
	ErrKeyReused = errors.New("this Idempotency-Key was used for another request; use a new one")
	// ErrChangesGone is returned when the stream no longer has the changes.
	ErrChangesGone = errors.New("the stream no longer has these changes")
	// ErrReplaced is returned when another rebuild of the index has taken over
	// or has removed this one.
	ErrReplaced = errors.New("another rebuild has taken over")
	// ErrUnstorable is returned for a create that can never be stored: it is not
	// a create, or it is a chat whose app does not exist.
	ErrUnstorable = errors.New("the create can never be stored")
	// ErrUnavailable is returned when an engine could not be reached, refused
	// for now, or did not respond in time. The same call may succeed later.
	ErrUnavailable = errors.New("an engine is unavailable")
)

// NotStoredError is returned by Store.StoreChats and Store.StoreMessages when they
// have stored only some of what they were given.
type NotStoredError struct {
	Numbers []int64 // of those that are not stored
	Err     error   // why
}

// Error says why, and how many are not stored.
func (e *NotStoredError) Error() string {
	return fmt.Sprintf("%d not stored: %v", len(e.Numbers), e.Err)
}

// Unwrap returns why they are not stored.
func (e *NotStoredError) Unwrap() error { return e.Err }

// FieldError says what is wrong with one field of a request.
type FieldError struct {
	Field   string // the field's name as clients spell it, such as "name"
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
