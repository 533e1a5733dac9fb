package chat

import (
	"context"
	"strings"
	"time"
	"unicode"
)

// Readers is the port to how far readers have read the chats.
//
// Every method returns ErrChatNotFound or ErrAppNotFound where the chat is not
// there, and may return an error that wraps ErrUnavailable. Readers have the
// form that CheckReader checks.
type Readers interface {
	// ReadState returns how far a reader has read a chat. A reader that was
	// never seen has read nothing: its LastRead is 0.
	ReadState(ctx context.Context, id ChatID, reader string) (ReadState, error)
	// MarkRead raises a reader's mark and returns the state after it. A mark
	// that is not above the one that stands changes nothing, so marks may come
	// late and in any order. One beyond the chat's last number is the
	// *InvalidError of ReadMark.Check.
	MarkRead(ctx context.Context, id ChatID, mark ReadMark) (ReadState, error)
}

// ReadMark is how far a reader has read a chat. It only ever rises.
type ReadMark struct {
	Reader    string    `json:"reader"`
	LastRead  int64     `json:"last_read"`           // the highest message number read, 0 for none
	UpdatedAt time.Time `json:"updated_at,omitzero"` // when LastRead rose, zero while it has not
}

// NewReadMark returns a mark. It returns an *InvalidError where CheckReader
// does, or where lastRead is below 0 or above MaxNumber.
func NewReadMark(reader string, lastRead int64, now time.Time) (ReadMark, error) {
	bad := checkReader(reader)
	bad.check(lastRead >= 0 && lastRead <= MaxNumber, "last_read", "must be a whole number from 0 to %d", int64(MaxNumber))
	return ReadMark{Reader: reader, LastRead: lastRead, UpdatedAt: storedTime(now)}, bad.err()
}

// CheckReader returns an *InvalidError where reader cannot name a reader: it
// has 1 to MaxReader characters and is not blank, with no slash, because it is
// one segment of a path, and no control characters.
func CheckReader(reader string) error { return checkReader(reader).err() }

func checkReader(reader string) (bad fields) {
	bad.check(validText(reader, 1, MaxReader) && !strings.ContainsFunc(reader, func(r rune) bool { return r == '/' || unicode.IsControl(r) }),
		"reader", "must have 1 to %d characters, no slash and no control characters, and not be blank", MaxReader)
	return bad
}

// ReadState is a reader's mark beside the numbers of the chat.
type ReadState struct {
	ReadMark
	LastMessage int64 // the highest message number given out in the chat
}

// NewReadState returns a mark beside the highest number of its chat. An engine
// that reads the number first may find a mark that has gone past it meanwhile:
// then the chat has come at least as far as the mark.
func NewReadState(mark ReadMark, lastMessage int64) ReadState {
	return ReadState{ReadMark: mark, LastMessage: max(lastMessage, mark.LastRead)}
}

// Unread is how many message numbers were given out after the last one read,
// those of deleted messages among them.
func (s ReadState) Unread() int64 { return s.LastMessage - s.LastRead }

// Check returns an *InvalidError that names the limit where the mark is beyond
// the highest number given out in its chat.
func (m ReadMark) Check(lastMessage int64) error {
	var bad fields
	bad.check(m.LastRead <= lastMessage, "last_read", "must be at most %d, the chat's last message number", lastMessage)
	return bad.err()
}
