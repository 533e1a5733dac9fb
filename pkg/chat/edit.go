package chat

import (
	"slices"
	"time"
)

// Versions are the versions in which a row may be changed, as a client names
// them in If-Match. Nil means every version.
type Versions []int64

// Allow reports whether a row with this version may be changed.
func (v Versions) Allow(version int64) bool { return v == nil || slices.Contains(v, version) }

// AppEdit is an edit of an app. A field that is nil stays as it is.
type AppEdit struct {
	Name     *string
	Metadata *Metadata // replaces all metadata
	At       time.Time
}

// NewAppEdit returns an edit. It returns an *InvalidError if a field breaks its
// limit or nothing is to change.
func NewAppEdit(name *string, metadata *Metadata, now time.Time) (AppEdit, error) {
	var bad fields
	checkEdit(&bad, name, metadata, "name")
	if name != nil {
		checkName(&bad, *name)
	}
	return AppEdit{Name: name, Metadata: metadata, At: storedTime(now)}, bad.err()
}

// Apply returns the app in its next version.
func (e AppEdit) Apply(a App) App {
	replace(&a.Name, e.Name)
	replace(&a.Metadata, e.Metadata)
	a.Version, a.UpdatedAt = a.Version+1, e.At
	return a
}

// ChatEdit is an edit of a chat. A field that is nil stays as it is.
type ChatEdit struct {
	Title    *string
	Metadata *Metadata // replaces all metadata
	At       time.Time
}

// NewChatEdit returns an edit. It returns an *InvalidError if a field breaks
// its limit or nothing is to change.
func NewChatEdit(title *string, metadata *Metadata, now time.Time) (ChatEdit, error) {
	var bad fields
	checkEdit(&bad, title, metadata, "title")
	if title != nil {
		checkTitle(&bad, *title)
	}
	return ChatEdit{Title: title, Metadata: metadata, At: storedTime(now)}, bad.err()
}

// Apply returns the chat in its next version.
func (e ChatEdit) Apply(c Chat) Chat {
	replace(&c.Title, e.Title)
	replace(&c.Metadata, e.Metadata)
	c.Version, c.UpdatedAt = c.Version+1, e.At
	return c
}

// MessageEdit is an edit of a message. A field that is nil stays as it is.
type MessageEdit struct {
	Body     *string
	Metadata *Metadata // replaces all metadata
	At       time.Time
}

// NewMessageEdit returns an edit. It returns an *InvalidError if a field breaks
// its limit or nothing is to change.
func NewMessageEdit(body *string, metadata *Metadata, now time.Time) (MessageEdit, error) {
	var bad fields
	checkEdit(&bad, body, metadata, "body")
	if body != nil {
		checkBody(&bad, *body)
	}
	return MessageEdit{Body: body, Metadata: metadata, At: storedTime(now)}, bad.err()
}

// Apply returns the message in its next version.
func (e MessageEdit) Apply(m Message) Message {
	replace(&m.Body, e.Body)
	replace(&m.Metadata, e.Metadata)
	m.Version, m.UpdatedAt = m.Version+1, e.At
	return m
}

// checkEdit checks what all edits have in common: the metadata, and that
// something is to change.
func checkEdit(bad *fields, text *string, metadata *Metadata, field string) {
	bad.check(text != nil || metadata != nil, field, "must be given, or metadata")
	if metadata != nil {
		metadata.check(bad)
	}
}

func replace[Value any](field, with *Value) {
	if with != nil {
		*field = *with
	}
}
