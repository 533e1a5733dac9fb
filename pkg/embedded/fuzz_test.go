package embedded

import (
	"testing"
	"time"

	"chatapi/pkg/chat"
)

// The bytes of a data folder that another program, or a broken disk, has
// changed: they give an error or a value, and end nothing.

func FuzzDecodeEntry(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("too shor"))
	f.Add(entry{sentAt: time.UnixMilli(1), receives: 3, body: `{"chat":{}}`}.encode())
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := decodeEntry(text)
		if err == nil && string(e.encode()) != string(text) {
			t.Errorf("%q is encoded as %q", text, e.encode())
		}
	})
}

func FuzzDecodeChange(f *testing.F) {
	row := []byte(`{"app_token":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","chat_number":1,"message_number":2,"body":"b","version":1}`)
	f.Add([]byte(nil))
	f.Add(encodeChange(time.UnixMilli(1), nil, row))
	f.Add(encodeChange(time.UnixMilli(1), row, row))
	f.Add(encodeChange(time.UnixMilli(1), row, nil))
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff{}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := decodeChange(7, text)
		if err == nil && c.Sequence != 7 {
			t.Errorf("sequence %d", c.Sequence)
		}
	})
}

func FuzzCursors(f *testing.F) {
	token := "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	for _, cursor := range []string{"", "%", "AAAA", encodeCursor(token), encodeScanCursor(chat.Message{AppToken: token, ChatNumber: 1, Number: 2})} {
		f.Add(cursor)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		if got, err := decodeCursor(cursor); err == nil && got != "" && !chat.ValidToken(got) {
			t.Errorf("cursor %q is of the token %q", cursor, got)
		}
		if key, err := decodeScanCursor(cursor); err == nil && len(key) > 0 && len(key) != len(messageKey(chat.ChatID{AppToken: token}, 0)) {
			t.Errorf("cursor %q is of the key %q", cursor, key)
		}
	})
}
