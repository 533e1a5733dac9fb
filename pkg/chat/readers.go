package chat

import (
	"context"
	"strings"
	"time"
	"unicode"
)

// Readers is the port to how far readers have read the chats.
//
// Every method returns ErrChatNotFound or ErrAppNotFound if the chat does not
// exist, and may return an error that wraps ErrUnavailable. Readers passed to
// it have the form that CheckReader checks.
type Readers interface {
	// ReadState returns how far a reader has read a chat. The LastRead of a
	// reader without a mark is 0.
	ReadState(ctx context.Context, id ChatID, reader string) (ReadState, error)
	// MarkRead raises a reader's mark and returns the state after it. A mark
	// that is not above the existing one changes nothing, so marks may arrive
	// late and in any order. A mark above the chat's last number is the
	// *InvalidError of ReadMark.Check.
	MarkRead(ctx context.Context, id ChatID, mark ReadMark) (ReadState, error)
}

// ReadMark is how far a reader has read a chat. It never falls.
type ReadMark struct {
	Reader    string    `json:"reader"`
	LastRead  int64     `json:"last_read"`           // the highest message number read, 0 for none
	UpdatedAt time.Time `json:"updated_at,omitzero"` // when LastRead rose, zero while it has not
}

// NewReadMark returns a mark. It returns an *InvalidError if CheckReader does,
// or if lastRead is below 0 or above MaxNumber.
func NewReadMark(reader string, lastRead int64, now time.Time) (ReadMark, error) {
	bad := checkReader(reader)
	bad.check(lastRead >= 0 && lastRead <= MaxNumber,
		"last_read", "must be a whole number from 0 to %d", int64(MaxNumber))
	return ReadMark{Reader: reader, LastRead: lastRead, UpdatedAt: storedTime(now)}, bad.err()
}

// CheckReader returns an *InvalidError unless reader has 1 to MaxReader
// characters, is not blank, and has no control characters and no slash, because
// it is one segment of a path.
func CheckReader(reader string) error { return checkReader(reader).err() }

func checkReader(reader string) (bad fields) {
	forbidden := func(r rune) bool { return r == '/' || unicode.IsControl(r) }
	bad.check(validText(reader, 1, MaxReader) && !strings.ContainsFunc(reader, forbidden),
		"reader", "must have 1 to %d characters, no slash and no control characters, and not be blank", MaxReader)
	return bad
}

// ReadState is a reader's mark and the chat's last number.
type ReadState struct {
	ReadMark
	LastMessage int64 // the highest message number allocated in the chat
}

// NewReadState returns the state of a mark. An engine that reads the chat's
// last number first may find a mark that has passed it meanwhile; the last
// number is then at least the mark.
func NewReadState(mark ReadMark, lastMessage int64) ReadState {
	return ReadState{ReadMark: mark, LastMessage: max(lastMessage, mark.LastRead)}
}

// Unread returns how many message numbers were allocated after the last one
// read, including those of deleted messages.
func (s ReadState) Unread() int64 { return s.LastMessage - s.LastRead }

// Check returns an *InvalidError that names the limit if the mark is above the
// highest number allocated in its chat.
func (m ReadMark) Check(lastMessage int64) error {
	var bad fields
	bad.check(m.LastRead <= lastMessage, "last_read", "must be at most %d, the chat's last message number", lastMessage)
	return bad.err()
}
