// Package layout is the attribute layout of messages in DynamoDB: the rows of the
// Messages table and their images in its stream.
package layout

import (
	"errors"
	"fmt"
	"time"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Item is a row, or the key of one.
type Item = map[string]types.AttributeValue

// Message is a row of the Messages table. Only a tombstone has deleted_at.
type Message struct {
	Chat      string        `dynamodbav:"chat"` // chat.ChatID.String
	Number    int64         `dynamodbav:"message_number"`
	Body      string        `dynamodbav:"body,omitempty"`
	Sender    string        `dynamodbav:"sender,omitempty"`
	Metadata  chat.Metadata `dynamodbav:"metadata,omitempty"`
	Version   int64         `dynamodbav:"version"`
	CreatedAt Time          `dynamodbav:"created_at"`
	UpdatedAt Time          `dynamodbav:"updated_at"`
	DeletedAt *Time         `dynamodbav:"deleted_at,omitempty"`
}

// NewMessage returns the row of a message.
func NewMessage(m chat.Message) Message {
	r := Message{
		Chat: m.ChatID().String(), Number: m.Number, Body: m.Body, Sender: m.Sender, Metadata: m.Metadata,
		Version: m.Version, CreatedAt: Time{m.CreatedAt}, UpdatedAt: Time{m.UpdatedAt},
	}
	if m.Deleted() {
		r.DeletedAt = &Time{m.DeletedAt}
	}
	return r
}

// Message returns the message of a row of a chat.
func (r Message) Message(id chat.ChatID) chat.Message {
	m := chat.Message{
		AppToken: id.AppToken, ChatNumber: id.Number, Number: r.Number,
		Body: r.Body, Sender: r.Sender, Metadata: r.Metadata,
		Version: r.Version, CreatedAt: r.CreatedAt.Time, UpdatedAt: r.UpdatedAt.Time,
	}
	if r.DeletedAt != nil {
		m.DeletedAt = r.DeletedAt.Time
	}
	return m
}

// DecodeMessage returns the message of a row or of an image in the stream. It
// returns an error if the item is not a message, with the message's chat and
// number if the item has them.
func DecodeMessage(item Item) (chat.Message, error) {
	m, err := decodeMessage(item)
	if err != nil {
		return DecodeMessageKey(item), fmt.Errorf("decode row of a message: %w", err)
	}
	return m, nil
}

func decodeMessage(item Item) (chat.Message, error) {
	var r Message
	if err := attributevalue.UnmarshalMap(item, &r); err != nil {
		return chat.Message{}, err
	}
	id, ok := chat.ParseChatID(r.Chat)
	switch {
	case !ok:
		return chat.Message{}, errors.New("chat is not <app token>#<chat number>")
	case r.Number < 1 || r.Number > chat.MaxNumber:
		return chat.Message{}, errors.New("message_number is out of range")
	case r.Version < 1:
		return chat.Message{}, errors.New("version is below 1")
	case r.CreatedAt.IsZero() || r.UpdatedAt.IsZero():
		return chat.Message{}, errors.New("created_at or updated_at is missing")
	}
	return r.Message(id), nil
}

// DecodeMessageKey returns a message with the chat and number of a row's key and
// version 0, which no message has. What the key lacks is zero.
func DecodeMessageKey(key Item) chat.Message {
	var chatKey string
	var m chat.Message
	_ = attributevalue.Unmarshal(key["chat"], &chatKey)
	_ = attributevalue.Unmarshal(key["message_number"], &m.Number) // a fraction is no number of a message
	id, ok := chat.ParseChatID(chatKey)
	if !ok {
		id.AppToken = chatKey
	}
	m.AppToken, m.ChatNumber = id.AppToken, id.Number
	return m
}

// Time is a time in a row: RFC 3339 in UTC with milliseconds. All have the same
// length, so that the text sorts as the time does.
type Time struct{ time.Time }

// At returns a time as a row has it.
func At(t time.Time) Time { return Time{t} }

const timeFormat = "2006-01-02T15:04:05.000Z"

// MarshalDynamoDBAttributeValue implements attributevalue.Marshaler.
func (t Time) MarshalDynamoDBAttributeValue() (types.AttributeValue, error) {
	return &types.AttributeValueMemberS{Value: t.UTC().Format(timeFormat)}, nil
}

// UnmarshalDynamoDBAttributeValue implements attributevalue.Unmarshaler.
func (t *Time) UnmarshalDynamoDBAttributeValue(value types.AttributeValue) error {
	var s string
	if err := attributevalue.Unmarshal(value, &s); err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339, s)
	t.Time = at.UTC()
	return err
}
