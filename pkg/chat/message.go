package chat

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Message is one message of a chat.
type Message struct {
	AppToken   string    `json:"app_token"`
	ChatNumber int64     `json:"chat_number"`
	Number     int64     `json:"message_number"`
	Body       string    `json:"body"`
	Sender     string    `json:"sender,omitempty"`
	Version    int64     `json:"version"` // 1 when created, one more with each edit or delete
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	DeletedAt  time.Time `json:"deleted_at,omitzero"` // zero while the message lives
}

// NewMessage returns a message that has no number yet. It returns an
// *InvalidError that lists every field beyond its limit: the body (1 to
// MaxBody bytes, not blank) and the sender (at most MaxSender characters).
func NewMessage(chat ChatID, body, sender string, now time.Time) (Message, error) {
	now = storedTime(now)
	m := Message{
		AppToken: chat.AppToken, ChatNumber: chat.Number,
		Body: body, Sender: sender, Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	return m, m.check().err()
}

// ChatID returns the name of the message's chat.
func (m Message) ChatID() ChatID { return ChatID{AppToken: m.AppToken, Number: m.ChatNumber} }

// Deleted reports whether only the message's tombstone is left.
func (m Message) Deleted() bool { return !m.DeletedAt.IsZero() }

func (m Message) check() (bad fields) {
	bad.check(len(m.Body) <= MaxBody && utf8.ValidString(m.Body) && strings.TrimSpace(m.Body) != "",
		"body", fmt.Sprintf("must have 1 to %d bytes of UTF-8 and not be blank", MaxBody))
	bad.check(validText(m.Sender, 0, MaxSender), "sender", fmt.Sprintf("must have at most %d characters", MaxSender))
	return bad
}
