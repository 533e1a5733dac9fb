package indexer

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"chatapi/pkg/chat"

	"github.com/aws/aws-lambda-go/events"
)

// image is a row of the Messages table as a stream record carries it.
type image = map[string]events.DynamoDBAttributeValue

// timeFormat is RFC 3339 in UTC with milliseconds.
const timeFormat = "2006-01-02T15:04:05.000Z"

// Image returns a message as the stream of the Messages table carries it, for
// stores that have no DynamoDB behind them.
func Image(m chat.Message) map[string]events.DynamoDBAttributeValue {
	img := image{
		"chat":           events.NewStringAttribute(m.ChatID().String()),
		"message_number": number(m.Number),
		"body":           events.NewStringAttribute(m.Body),
		"version":        number(m.Version),
		"created_at":     events.NewStringAttribute(m.CreatedAt.Format(timeFormat)),
		"updated_at":     events.NewStringAttribute(m.UpdatedAt.Format(timeFormat)),
	}
	if m.Sender != "" {
		img["sender"] = events.NewStringAttribute(m.Sender)
	}
	if len(m.Metadata) > 0 {
		img["metadata"] = metadata(m.Metadata)
	}
	if m.Deleted() {
		img["deleted_at"] = events.NewStringAttribute(m.DeletedAt.Format(timeFormat))
	}
	return img
}

func number(n int64) events.DynamoDBAttributeValue {
	return events.NewNumberAttribute(strconv.FormatInt(n, 10))
}

func metadata(m chat.Metadata) events.DynamoDBAttributeValue {
	values := make(map[string]events.DynamoDBAttributeValue, len(m))
	for key, value := range m {
		values[key] = events.NewStringAttribute(value)
	}
	return events.NewMapAttribute(values)
}

// messageOf reads the image of a message's row.
func messageOf(img image) (chat.Message, error) {
	r := reader{image: img}
	m := chat.Message{
		Number:    r.number("message_number"),
		Body:      r.text("body", optional), // a tombstone has none
		Sender:    r.text("sender", optional),
		Metadata:  r.metadata(),
		Version:   r.number("version"),
		CreatedAt: r.time("created_at", required),
		UpdatedAt: r.time("updated_at", required),
		DeletedAt: r.time("deleted_at", optional),
	}
	m.AppToken, m.ChatNumber = r.chat()
	if r.err != nil {
		return chat.Message{}, fmt.Errorf("decode image of a message: %w", r.err)
	}
	return m, nil
}

// keyOf reads the key of a message's row.
func keyOf(keys image) (chat.Message, error) {
	r := reader{image: keys}
	m := chat.Message{Number: r.number("message_number")}
	m.AppToken, m.ChatNumber = r.chat()
	if r.err != nil {
		return chat.Message{}, fmt.Errorf("decode key of a message: %w", r.err)
	}
	return m, nil
}

const (
	required = true
	optional = false
)

// reader reads attributes and keeps the first error.
type reader struct {
	image image
	err   error
}

func (r *reader) fail(attribute, problem string) {
	if r.err == nil {
		r.err = fmt.Errorf("attribute %s %s", attribute, problem)
	}
}

func (r *reader) text(attribute string, needed bool) string {
	value, ok := r.image[attribute]
	switch {
	case !ok && needed:
		r.fail(attribute, "is missing")
	case !ok:
	case value.DataType() != events.DataTypeString:
		r.fail(attribute, "is not a string")
	default:
		return value.String()
	}
	return ""
}

func (r *reader) number(attribute string) int64 {
	value, ok := r.image[attribute]
	if !ok || value.DataType() != events.DataTypeNumber {
		r.fail(attribute, "is not a number")
		return 0
	}
	n, err := strconv.ParseInt(value.Number(), 10, 64)
	if err != nil || n < 1 || n > chat.MaxNumber {
		r.fail(attribute, "is out of range")
	}
	return n
}

func (r *reader) time(attribute string, needed bool) time.Time {
	text := r.text(attribute, needed)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		r.fail(attribute, "is not an RFC 3339 time")
	}
	return t.UTC()
}

func (r *reader) metadata() chat.Metadata {
	value, ok := r.image["metadata"]
	if !ok {
		return nil
	}
	if value.DataType() != events.DataTypeMap {
		r.fail("metadata", "is not a map")
		return nil
	}
	m := make(chat.Metadata, len(value.Map()))
	for key, text := range value.Map() {
		if text.DataType() != events.DataTypeString {
			r.fail("metadata", "has a value that is not a string")
			return nil
		}
		m[key] = text.String()
	}
	return m
}

func (r *reader) chat() (token string, n int64) {
	token, digits, _ := strings.Cut(r.text("chat", required), "#")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 || !chat.ValidToken(token) {
		r.fail("chat", "is not <app token>#<chat number>")
	}
	return token, n
}
