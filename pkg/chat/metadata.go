package chat

import "unicode/utf8"

// Metadata is what a client keeps with an app, a chat or a message: keys and
// values of its own, which are returned as they were given and mean nothing
// here. No key is empty; keys and values have MaxMetadata bytes of UTF-8 in
// all at most.
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
