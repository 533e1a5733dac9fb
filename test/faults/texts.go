//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"chatapi/pkg/chat"
)

// word is in every text, so that one search finds all.
const word = "tortoise"

// Of so many texts and sets of metadata one is as long as the API accepts.
const (
	longOf     = 400
	metadataOf = 20
)

// text returns a text for a row of a collection, which nobody else sends.
func (c *loadClient) text(in string) string {
	c.texts++
	text := fmt.Sprintf("%s %d.%d", word, c.id, c.texts)
	if c.random.IntN(c.long) != 0 {
		return text
	}
	if !strings.HasSuffix(in, "/messages") {
		return text + strings.Repeat("ü", min(chat.MaxTitle, chat.MaxName)-len(text)) // a limit of characters
	}
	filler := []string{" x", " é", ` "\`, "<&"}[c.random.IntN(4)]
	text += strings.Repeat(filler, (chat.MaxBody-len(text))/len(filler))
	return text + strings.Repeat("y", chat.MaxBody-len(text)) // a limit of bytes
}

// metadata returns metadata, mostly none, that nobody else sends.
func (c *loadClient) metadata() string {
	if c.random.IntN(metadataOf) != 0 {
		return ""
	}
	c.texts++
	value := fmt.Sprintf("%d.%d", c.id, c.texts)
	if c.random.IntN(metadataOf) == 0 {
		value += strings.Repeat("z", chat.MaxMetadata-len("by")-len(value))
	}
	return canonical(map[string]string{"by": value})
}

// canonical returns metadata in the one form that a history knows it in, ""
// for none.
func canonical(metadata map[string]string) string {
	if len(metadata) == 0 {
		return ""
	}
	text, err := json.Marshal(metadata) // sorts the keys
	if err != nil {
		panic(err) // strings can always be encoded
	}
	return string(text)
}

// key returns an Idempotency-Key that nobody else sends, long enough for an
// app's.
func (c *loadClient) key() string {
	c.texts++
	return fmt.Sprintf("%s-%08d-%08d", word, c.id, c.texts)
}

// nameOf is the field that holds the text of a row.
func nameOf(in string) string {
	switch {
	case in == appsPath:
		return "name"
	case strings.HasSuffix(in, "/chats"):
		return "title"
	default:
		return "body"
	}
}
