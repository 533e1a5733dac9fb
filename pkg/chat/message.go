package chat

import (
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
	Metadata   Metadata  `json:"metadata,omitempty"`
	Version    int64     `json:"version"` // 1 when created, one more with each edit or delete
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	DeletedAt  time.Time `json:"deleted_at,omitzero"` // zero unless the message is deleted
}

// NewMessage returns a message without a number. It returns an *InvalidError
// that lists every field that breaks its limit: the body (1 to MaxBody bytes,
// not blank), the sender (at most MaxSender characters) and the metadata.
func NewMessage(chat ChatID, body, sender string, metadata Metadata, now time.Time) (Message, error) {
	now = storedTime(now)
	m := Message{
		AppToken: chat.AppToken, ChatNumber: chat.Number,
		Body: body, Sender: sender, Metadata: metadata, Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	return m, m.check().err()
}

// ChatID returns the ID of the message's chat.
func (m Message) ChatID() ChatID { return ChatID{AppToken: m.AppToken, Number: m.ChatNumber} }

// Deleted reports whether only the message's tombstone is left.
func (m Message) Deleted() bool { return !m.DeletedAt.IsZero() }

func (m Message) check() (bad fields) {
	checkBody(&bad, m.Body)
	bad.check(validText(m.Sender, 0, MaxSender), "sender", "must have at most %d characters", MaxSender)
	m.Metadata.check(&bad)
	return bad
}

func checkBody(bad *fields, body string) {
	bad.check(len(body) <= MaxBody && utf8.ValidString(body) && strings.TrimSpace(body) != "",
		"body", "must have 1 to %d bytes of UTF-8 and not be blank", MaxBody)
}

// Tombstone returns what is left of a message that is deleted at a time: its
// number, in the next version, without body, sender and metadata.
func (m Message) Tombstone(at time.Time) Message {
	at = storedTime(at)
	return Message{
		AppToken: m.AppToken, ChatNumber: m.ChatNumber, Number: m.Number,
		Version: m.Version + 1, CreatedAt: m.CreatedAt, UpdatedAt: at, DeletedAt: at,
	}
}
