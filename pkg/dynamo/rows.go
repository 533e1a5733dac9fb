package dynamo

import (
	"fmt"
	"time"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// item is a row, or the key of one, as DynamoDB takes it.
type item = map[string]types.AttributeValue

// countChanges is the attribute of an app's and of a chat's row that says how
// often the count in it has changed. A row whose count never did has none.
const countChanges = "count_changes"

// appRow is a row of the Apps table. It also has count_changes.
type appRow struct {
	AppToken  string        `dynamodbav:"app_token"`
	Name      string        `dynamodbav:"name"`
	Metadata  chat.Metadata `dynamodbav:"metadata,omitempty"`
	ChatCount int64         `dynamodbav:"chat_count"`
	Version   int64         `dynamodbav:"version"`
	CreatedAt timestamp     `dynamodbav:"created_at"`
	UpdatedAt timestamp     `dynamodbav:"updated_at"`
}

func appRowOf(a chat.App) appRow {
	return appRow{a.Token, a.Name, a.Metadata, a.ChatCount, a.Version, timestamp{a.CreatedAt}, timestamp{a.UpdatedAt}}
}

func (r appRow) app() chat.App {
	return chat.App{
		Token: r.AppToken, Name: r.Name, Metadata: r.Metadata, ChatCount: r.ChatCount,
		Version: r.Version, CreatedAt: r.CreatedAt.Time, UpdatedAt: r.UpdatedAt.Time,
	}
}

// chatRow is a row of the Chats table. It also has count_changes. While only
// messages of the chat are stored it has its key and the count and nothing else.
type chatRow struct {
	AppToken     string        `dynamodbav:"app_token"`
	ChatNumber   int64         `dynamodbav:"chat_number"`
	Title        string        `dynamodbav:"title,omitempty"`
	Metadata     chat.Metadata `dynamodbav:"metadata,omitempty"`
	MessageCount int64         `dynamodbav:"message_count"`
	Version      int64         `dynamodbav:"version"`
	CreatedAt    timestamp     `dynamodbav:"created_at"`
	UpdatedAt    timestamp     `dynamodbav:"updated_at"`
}

// stored reports whether the chat's own create has completed the row.
func (r chatRow) stored() bool { return !r.CreatedAt.IsZero() }

func (r chatRow) chat() chat.Chat {
	return chat.Chat{
		AppToken: r.AppToken, Number: r.ChatNumber, Title: r.Title, Metadata: r.Metadata, MessageCount: r.MessageCount,
		Version: r.Version, CreatedAt: r.CreatedAt.Time, UpdatedAt: r.UpdatedAt.Time,
	}
}

// messageRow is a row of the Messages table, and so also an image in the
// records of its stream. A tombstone has deleted_at, no other row has.
type messageRow struct {
	Chat          string        `dynamodbav:"chat"` // chat.ChatID.String
	MessageNumber int64         `dynamodbav:"message_number"`
	Body          string        `dynamodbav:"body,omitempty"`
	Sender        string        `dynamodbav:"sender,omitempty"`
	Metadata      chat.Metadata `dynamodbav:"metadata,omitempty"`
	Version       int64         `dynamodbav:"version"`
	CreatedAt     timestamp     `dynamodbav:"created_at"`
	UpdatedAt     timestamp     `dynamodbav:"updated_at"`
	DeletedAt     *timestamp    `dynamodbav:"deleted_at,omitempty"`
}

func messageRowOf(id chat.ChatID, m chat.Message) messageRow {
	return messageRow{
		Chat: id.String(), MessageNumber: m.Number, Body: m.Body, Sender: m.Sender, Metadata: m.Metadata,
		Version: m.Version, CreatedAt: timestamp{m.CreatedAt}, UpdatedAt: timestamp{m.UpdatedAt},
	}
}

func (r messageRow) message(id chat.ChatID) chat.Message {
	m := chat.Message{
		AppToken: id.AppToken, ChatNumber: id.Number, Number: r.MessageNumber, Body: r.Body, Sender: r.Sender, Metadata: r.Metadata,
		Version: r.Version, CreatedAt: r.CreatedAt.Time, UpdatedAt: r.UpdatedAt.Time,
	}
	if r.DeletedAt != nil {
		m.DeletedAt = r.DeletedAt.Time
	}
	return m
}

// counterRow is a row of the Counters table: the highest number given out to
// the chats of an app or to the messages of a chat. It is a table of its own
// so that each chat's hot item has a partition key of its own.
type counterRow struct {
	Counter string `dynamodbav:"counter"` // an app token, or chat.ChatID.String
	Value   int64  `dynamodbav:"value"`
}

// readerRow is a row of the Readers table.
type readerRow struct {
	Chat      string     `dynamodbav:"chat"` // chat.ChatID.String
	Reader    string     `dynamodbav:"reader"`
	LastRead  int64      `dynamodbav:"last_read"`
	UpdatedAt *timestamp `dynamodbav:"updated_at"`
}

// mark returns the reader's mark, at 0 where the row is not there.
func (r readerRow) mark(reader string) chat.ReadMark {
	m := chat.ReadMark{Reader: reader, LastRead: r.LastRead}
	if r.UpdatedAt != nil {
		m.UpdatedAt = r.UpdatedAt.Time
	}
	return m
}

// keyRow is a row of the Idempotency table: a claim and then its number, or
// the app that was created.
type keyRow struct {
	Key         string    `dynamodbav:"key"` // chat.IdempotencyKey.String
	Fingerprint string    `dynamodbav:"fingerprint"`
	Owner       string    `dynamodbav:"owner"`
	LeasedUntil int64     `dynamodbav:"leased_until,omitempty"` // ms since 1970; not there once the create is done
	CreatedAt   timestamp `dynamodbav:"created_at"`
	Number      int64     `dynamodbav:"number,omitempty"`
	AppToken    string    `dynamodbav:"app_token,omitempty"`
	ExpiresAt   int64     `dynamodbav:"expires_at"` // s since 1970: the table's time to live
}

func keyRowOf(c chat.Claim) keyRow {
	return keyRow{
		Key: c.Key.String(), Fingerprint: c.Fingerprint, Owner: c.Owner, LeasedUntil: c.LeasedUntil().UnixMilli(),
		CreatedAt: timestamp{c.CreatedAt}, ExpiresAt: c.ExpiresAt().Unix(),
	}
}

func (r keyRow) claim(key chat.IdempotencyKey) chat.Claim {
	return chat.Claim{Key: key, Fingerprint: r.Fingerprint, Owner: r.Owner, CreatedAt: r.CreatedAt.Time, Number: r.Number}
}

// decode reads a row into what row points to.
func decode(values item, row any) error {
	if err := attributevalue.UnmarshalMap(values, row); err != nil {
		return fmt.Errorf("decode row: %w", err)
	}
	return nil
}

// Keys of rows.

func appKey(token string) item { return item{"app_token": text(token)} }

func chatKey(id chat.ChatID) item {
	return item{"app_token": text(id.AppToken), "chat_number": number(id.Number)}
}

func messageKey(id chat.ChatID, n int64) item {
	return item{"chat": text(id.String()), "message_number": number(n)}
}

func counterKey(counter string) item { return item{"counter": text(counter)} }

func readerKey(id chat.ChatID, reader string) item {
	return item{"chat": text(id.String()), "reader": text(reader)}
}

func keyKey(key chat.IdempotencyKey) item { return item{"key": text(key.String())} }

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue { return &types.AttributeValueMemberN{Value: fmt.Sprint(n)} }

// timestamp is a time as rows keep it: RFC 3339 in UTC with milliseconds, all
// of one length, so that the text sorts as the time does.
type timestamp struct{ time.Time }

const timestampFormat = "2006-01-02T15:04:05.000Z"

// MarshalDynamoDBAttributeValue implements attributevalue.Marshaler.
func (t timestamp) MarshalDynamoDBAttributeValue() (types.AttributeValue, error) {
	return text(t.UTC().Format(timestampFormat)), nil
}

// UnmarshalDynamoDBAttributeValue implements attributevalue.Unmarshaler.
func (t *timestamp) UnmarshalDynamoDBAttributeValue(value types.AttributeValue) error {
	var s string
	if err := attributevalue.Unmarshal(value, &s); err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339, s)
	t.Time = at.UTC()
	return err
}
