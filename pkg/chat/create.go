package chat

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
)

// Create is a chat or a message that has its number and is not stored yet.
// Exactly one of the two is set.
type Create struct {
	Chat    *Chat    `json:"chat,omitempty"`
	Message *Message `json:"message,omitempty"`
}

// Parent returns what the create's number was allocated within: the app of a
// chat, or the chat of a message.
func (c Create) Parent() Parent {
	if c.Chat != nil {
		return AppParent(c.Chat.AppToken)
	}
	return c.Message.ChatID().Parent()
}

// Number returns the number of the chat or the message.
func (c Create) Number() int64 {
	if c.Chat != nil {
		return c.Chat.Number
	}
	return c.Message.Number
}

// String names the create for people, without its app's token: "chat 1" or
// "message 3 of chat 1".
func (c Create) String() string {
	if c.Chat != nil {
		return fmt.Sprintf("chat %d", c.Chat.Number)
	}
	return MessageName(c.Message.ChatNumber, c.Message.Number)
}

// Store stores the create as StoreChats or StoreMessages does.
func (c Create) Store(ctx context.Context, store Store) error {
	if c.Chat != nil {
		return store.StoreChats(ctx, c.Chat.AppToken, []Chat{*c.Chat})
	}
	return store.StoreMessages(ctx, c.Message.ChatID(), []Message{*c.Message})
}

// EncodeCreate returns the body that a create has in the queue: JSON of at
// most 9 times MaxBody bytes. SQS accepts 1 MiB.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
func EncodeCreate(c Create) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("encode create: %w", err)
	}
	return json.Marshal(&c, json.Deterministic(true))
}

// DecodeCreate reads what EncodeCreate returned. It returns an error for
// everything that could not be stored as a row.
func DecodeCreate(data []byte) (Create, error) {
	var c Create
	if err := json.Unmarshal(data, &c); err != nil {
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
	bad.check(validNumber(c.Number), "chat_number", "must be allocated")
	bad.check(!c.CreatedAt.IsZero(), "created_at", "must be set")
	return bad.err()
}

func (m Message) checkStored() error {
	bad := m.check()
	bad.check(ValidToken(m.AppToken), "app_token", "must be an app token")
	bad.check(validNumber(m.ChatNumber), "chat_number", "must be allocated")
	bad.check(validNumber(m.Number), "message_number", "must be allocated")
	bad.check(!m.CreatedAt.IsZero(), "created_at", "must be set")
	return bad.err()
}
