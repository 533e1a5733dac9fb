package chat

import (
	"crypto/rand"
	"encoding/base32"
	"strings"
	"time"
	"unicode/utf8"
)

// App is a tenant. Whoever knows its token can read and change all of it.
type App struct {
	Token     string    `json:"app_token"`
	Name      string    `json:"name"`
	Metadata  Metadata  `json:"metadata,omitempty"`
	ChatCount int64     `json:"chat_count"` // stored chats
	Version   int64     `json:"version"`    // 1 when created, one more with each edit
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// NewApp returns an app with a new token. It returns an *InvalidError if the
// name is blank or longer than MaxName, or the metadata exceeds its limit.
func NewApp(name string, metadata Metadata, now time.Time) (App, error) {
	var bad fields
	checkName(&bad, name)
	metadata.check(&bad)
	if err := bad.err(); err != nil {
		return App{}, err
	}
	now = storedTime(now)
	return App{Token: newToken(), Name: name, Metadata: metadata, Version: 1, CreatedAt: now, UpdatedAt: now}, nil
}

func checkName(bad *fields, name string) {
	bad.check(validText(name, 1, MaxName), "name", "must have 1 to %d characters and not be blank", MaxName)
}

// tokenEncoding uses no character that has to be escaped in a path or a key.
var tokenEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newToken returns 36 characters with 180 random bits.
func newToken() string {
	var random [23]byte         // 184 bits, 37 characters
	_, _ = rand.Read(random[:]) // never fails: crypto/rand
	return tokenEncoding.EncodeToString(random[:])[:TokenLength]
}

// ValidToken reports whether token has the form of an app token. Nothing else
// may become part of a key.
func ValidToken(token string) bool {
	if len(token) != TokenLength {
		return false
	}
	for i := range len(token) {
		c := token[i]
		if (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// storedTime drops what not every engine stores: time zones and fractions of a
// millisecond.
func storedTime(t time.Time) time.Time {
	return t.UTC().Truncate(time.Millisecond)
}

// validText reports whether text has least to limit characters and, if it
// must have any, is not blank.
func validText(text string, least, limit int) bool {
	if least > 0 && strings.TrimSpace(text) == "" {
		return false
	}
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= limit
}
