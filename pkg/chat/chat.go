package chat

import (
	"strconv"
	"time"
)

// ChatID identifies a chat: its app and its number within the app.
type ChatID struct {
	AppToken string
	Number   int64
}

// String returns <app token>#<chat number>, the key of a chat in engines that
// take one string.
func (id ChatID) String() string {
	return id.AppToken + "#" + strconv.FormatInt(id.Number, 10)
}

// Chat holds messages.
type Chat struct {
	AppToken     string    `json:"app_token"`
	Number       int64     `json:"chat_number"`
	Title        string    `json:"title,omitempty"`
	Metadata     Metadata  `json:"metadata,omitempty"`
	MessageCount int64     `json:"message_count"` // stored messages that are not deleted
	Version      int64     `json:"version"`       // 1 when created, one more with each edit
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
}

// NewChat returns a chat without a number. It returns an *InvalidError if the
// title is longer than MaxTitle or the metadata exceeds its limit.
func NewChat(appToken, title string, metadata Metadata, now time.Time) (Chat, error) {
	now = storedTime(now)
	c := Chat{AppToken: appToken, Title: title, Metadata: metadata, Version: 1, CreatedAt: now, UpdatedAt: now}
	return c, c.check().err()
}

// ID returns the chat's ID.
func (c Chat) ID() ChatID { return ChatID{AppToken: c.AppToken, Number: c.Number} }

func (c Chat) check() (bad fields) {
	checkTitle(&bad, c.Title)
	c.Metadata.check(&bad)
	return bad
}

func checkTitle(bad *fields, title string) {
	bad.check(validText(title, 0, MaxTitle), "title", "must have at most %d characters", MaxTitle)
}

// validNumber reports whether n can be a chat's or a message's number.
func validNumber(n int64) bool { return n >= 1 && n <= MaxNumber }
