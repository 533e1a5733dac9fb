package chat

import "unicode/utf8"

// Metadata holds a client's own keys and values of an app, a chat or a message.
// They are returned as they were sent. No key is empty, and keys and values
// together have at most MaxMetadata bytes of UTF-8.
type Metadata map[string]string

func (m Metadata) check(bad *fields) {
	size, valid := 0, true
	for key, value := range m {
		size += len(key) + len(value)
		valid = valid && key != "" && utf8.ValidString(key) && utf8.ValidString(value)
	}
	bad.check(valid && size <= MaxMetadata, "metadata",
		"must have no empty key, and at most %d bytes of UTF-8 in its keys and values together", MaxMetadata)
}
