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

// MaxLine is the length of a line that is read, in bytes: more than any
// message needs, even where JSON writes each of its characters as an escape.
const MaxLine = 1 << 20

// The types of lines.
const (
	TypeApp     = "app"
	TypeChat    = "chat"
	TypeMessage = "message"
)

// Line is a line of an export: the app, then each chat followed by its
// messages. A message that was deleted has its number and DeletedAt alone.
// The app's token is in none of them.
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

// check returns an error where an import could not send the line. A line
// without a type is a message.
func (l *Line) check() error {
	switch l.Type {
	case TypeApp:
		return nil
	case TypeChat:
		if l.Chat < 1 {
			return errors.New("a chat needs a chat_number")
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
		return fmt.Errorf("there is no type %q, only app, chat and message", l.Type)
	}
}

// scanner reads lines one by one.
type scanner struct {
	lines *bufio.Scanner
	at    int64 // the number of the line, from 1
}

func newScanner(r io.Reader) *scanner {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), MaxLine)
	return &scanner{lines: lines}
}

// next returns the next line that is not blank, its length in bytes, and
// io.EOF after the last.
func (s *scanner) next() (Line, int, error) {
	for s.lines.Scan() {
		s.at++
		text := bytes.TrimSpace(s.lines.Bytes())
		if len(text) == 0 {
			continue
		}
		l, err := parse(text)
		if err != nil {
			return Line{}, 0, s.refuse(err)
		}
		return l, len(text), nil
	}
	switch err := s.lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		s.at++
		return Line{}, 0, s.refuse(fmt.Errorf("longer than %d bytes", MaxLine))
	case err != nil:
		return Line{}, 0, fmt.Errorf("read line %d: %w", s.at+1, err)
	}
	return Line{}, 0, io.EOF
}

// parse refuses a field that no line has: it may be a sender that is written
// wrongly, and would be missing from every message.
func parse(text []byte) (l Line, err error) {
	if !utf8.Valid(text) { // encoding/json would put U+FFFD in place of what is not
		return Line{}, errors.New("not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&l); err != nil {
		return Line{}, fmt.Errorf("not a line of this format: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return Line{}, errors.New("not a line of this format: there is more after the object")
	}
	return l, l.check()
}

func (s *scanner) refuse(err error) error { return fmt.Errorf("line %d: %w", s.at, err) }
