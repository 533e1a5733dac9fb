package chat

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
)

// Create is a chat or a message that has its number and is on its way to the
// rows. Exactly one of the two is set.
type Create struct {
	Chat    *Chat    `json:"chat,omitempty"`
	Message *Message `json:"message,omitempty"`
}

// AppToken returns the token of the app that the create belongs to.
func (c Create) AppToken() string {
	if c.Chat != nil {
		return c.Chat.AppToken
	}
	return c.Message.AppToken
}

// EncodeCreate returns the body under which a create travels in the queue:
// JSON, at most 8 times MaxBody long, far below the 1 MiB that SQS takes.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
func EncodeCreate(c Create) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("encode create: %w", err)
	}
	return json.Marshal(&c, json.Deterministic(true))
}

// DecodeCreate reads what EncodeCreate wrote. It returns an error for
// everything that could not have been stored as a row.
func DecodeCreate(body []byte) (Create, error) {
	var c Create
	if err := json.Unmarshal(body, &c); err != nil {
		return Create{}, fmt.Errorf("decode create: %w", err)
	}
	if err := c.check(); err != nil {
		return Create{}, fmt.Errorf("decode create: %w", err)
	}
	return c, nil
}

func (c Create) check() error {
	switch {
	case (c.Chat == nil) == (c.Message == nil):
		return errors.New("must hold either a chat or a message")
	case c.Chat != nil:
		return c.Chat.checkStored()
	default:
		return c.Message.checkStored()
	}
}

func (c Chat) checkStored() error {
	bad := c.check()
	bad.check(ValidToken(c.AppToken), "app_token", "must be an app token")
	bad.check(validNumber(c.Number), "chat_number", "must be given out")
	bad.check(!c.CreatedAt.IsZero(), "created_at", "must be set")
	return bad.err()
}

func (m Message) checkStored() error {
	bad := m.check()
	bad.check(ValidToken(m.AppToken), "app_token", "must be an app token")
	bad.check(validNumber(m.ChatNumber), "chat_number", "must be given out")
	bad.check(validNumber(m.Number), "message_number", "must be given out")
	bad.check(!m.CreatedAt.IsZero(), "created_at", "must be set")
	return bad.err()
}
