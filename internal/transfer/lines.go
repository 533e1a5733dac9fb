// Package transfer exports an app as JSON lines and imports such lines.
package transfer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"chatapi/pkg/chat"
)

// MaxLine is the maximum length of a line, in bytes. No message needs more, even
// if JSON escapes each of its characters.
const MaxLine = 1 << 20

// The types of lines.
const (
	TypeApp     = "app"
	TypeChat    = "chat"
	TypeMessage = "message"
)

// Line is a line of an export: the app, then each chat followed by its messages.
// A tombstone has only its numbers and DeletedAt. No line contains the app's
// token.
type Line struct {
	Type string `json:"type"`

	Name string `json:"name,omitempty"` // of the app

	Title string `json:"title,omitempty"` // of the chat

	Chat    int64  `json:"chat_number,omitempty"`    // of the chat or message
	Message int64  `json:"message_number,omitempty"` // of the message
	Body    string `json:"body,omitempty"`
	Sender  string `json:"sender,omitempty"`

	Metadata  chat.Metadata `json:"metadata,omitempty"`
	CreatedAt time.Time     `json:"created_at,omitzero"`
	UpdatedAt time.Time     `json:"updated_at,omitzero"`
	DeletedAt time.Time     `json:"deleted_at,omitzero"`
}

func (l Line) deleted() bool { return !l.DeletedAt.IsZero() }

// check returns an error if the line cannot be imported. A line without a type
// becomes a message.
func (l *Line) check() error {
	switch l.Type {
	case TypeApp:
		return nil
	case TypeChat:
		if l.Chat < 1 {
			return fmt.Errorf("invalid chat_number %d of a chat: want a number from 1", l.Chat)
		}
		_, err := chat.NewChat("", l.Title, l.Metadata, time.Time{})
		return err
	case TypeMessage, "":
		l.Type = TypeMessage
		if l.deleted() {
			return nil
		}
		_, err := chat.NewMessage(chat.ChatID{}, l.Body, l.Sender, l.Metadata, time.Time{})
		return err
	default:
		return fmt.Errorf("invalid type %q: want app, chat or message", l.Type)
	}
}

// scanner reads the lines of a file.
type scanner struct {
	lines *bufio.Scanner
	at    int64 // number of the last line read; the first is 1
}

func newScanner(r io.Reader) *scanner {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), MaxLine)
	return &scanner{lines: lines}
}

// next returns the next line that is not blank, and its length in bytes. It
// returns io.EOF after the last line.
func (s *scanner) next() (Line, int, error) {
	for s.lines.Scan() {
		s.at++
		data := bytes.TrimSpace(s.lines.Bytes())
		if len(data) == 0 {
			continue
		}
		l, err := parse(data)
		if err != nil {
			return Line{}, 0, s.lineError(err)
		}
		return l, len(data), nil
	}
	switch err := s.lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		s.at++
		return Line{}, 0, s.lineError(fmt.Errorf("invalid length: want at most %d bytes", MaxLine))
	case err != nil:
		return Line{}, 0, fmt.Errorf("read line %d: %w", s.at+1, err)
	}
	return Line{}, 0, io.EOF
}

// parse decodes and checks a line. It refuses unknown fields: a misspelt sender
// would otherwise be missing from every message.
func parse(data []byte) (l Line, err error) {
	if !utf8.Valid(data) { // encoding/json would replace invalid bytes by U+FFFD
		return Line{}, errors.New("invalid line: want UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&l); err != nil {
		return Line{}, fmt.Errorf("invalid line: %w; want a JSON object as export writes it", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return Line{}, errors.New("invalid line: text after the JSON object; want one object")
	}
	return l, l.check()
}

// lineError adds the number of the last line read to an error.
func (s *scanner) lineError(err error) error { return fmt.Errorf("line %d: %w", s.at, err) }
