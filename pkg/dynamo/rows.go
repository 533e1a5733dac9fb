package dynamo

import (
	"fmt"

	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo/layout"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// item is a row, or the key of one, as the SDK represents it.
type item = layout.Item

// countChanges is the attribute of an app's and of a chat's row that says how
// often the count in it has changed. It is missing if the count never did.
const countChanges = "count_changes"

// appRow is a row of the Apps table. It also has count_changes.
type appRow struct {
	AppToken  string        `dynamodbav:"app_token"`
	Name      string        `dynamodbav:"name"`
	Metadata  chat.Metadata `dynamodbav:"metadata,omitempty"`
	ChatCount int64         `dynamodbav:"chat_count"`
	Version   int64         `dynamodbav:"version"`
	CreatedAt layout.Time   `dynamodbav:"created_at"`
	UpdatedAt layout.Time   `dynamodbav:"updated_at"`
}

func appRowOf(a chat.App) appRow {
	return appRow{a.Token, a.Name, a.Metadata, a.ChatCount, a.Version, layout.At(a.CreatedAt), layout.At(a.UpdatedAt)}
}

func (r appRow) app() chat.App {
	return chat.App{
		Token: r.AppToken, Name: r.Name, Metadata: r.Metadata, ChatCount: r.ChatCount,
		Version: r.Version, CreatedAt: r.CreatedAt.Time, UpdatedAt: r.UpdatedAt.Time,
	}
}

// chatRow is a row of the Chats table. It also has count_changes. While only
// messages of the chat are stored it has its key and the counts alone.
type chatRow struct {
	AppToken     string        `dynamodbav:"app_token"`
	ChatNumber   int64         `dynamodbav:"chat_number"`
	Title        string        `dynamodbav:"title,omitempty"`
	Metadata     chat.Metadata `dynamodbav:"metadata,omitempty"`
	MessageCount int64         `dynamodbav:"message_count"`
	Version      int64         `dynamodbav:"version"`
	CreatedAt    layout.Time   `dynamodbav:"created_at"`
	UpdatedAt    layout.Time   `dynamodbav:"updated_at"`
}

// stored reports whether the chat's own create has completed the row.
func (r chatRow) stored() bool { return !r.CreatedAt.IsZero() }

func (r chatRow) chat() chat.Chat {
	return chat.Chat{
		AppToken: r.AppToken, Number: r.ChatNumber, Title: r.Title, Metadata: r.Metadata, MessageCount: r.MessageCount,
		Version: r.Version, CreatedAt: r.CreatedAt.Time, UpdatedAt: r.UpdatedAt.Time,
	}
}

// counterRow is a row of the Counters table: the highest number allocated within
// a parent. Counters have a table of their own so that each chat's hot item has
// its own partition key.
type counterRow struct {
	Counter string `dynamodbav:"counter"` // chat.Parent.String
	Value   int64  `dynamodbav:"value"`
}

// readerRow is a row of the Readers table.
type readerRow struct {
	Chat      string       `dynamodbav:"chat"` // chat.ChatID.String
	Reader    string       `dynamodbav:"reader"`
	LastRead  int64        `dynamodbav:"last_read"`
	UpdatedAt *layout.Time `dynamodbav:"updated_at"`
}

// mark returns the reader's mark, at 0 if the row does not exist.
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
	Key         string      `dynamodbav:"key"` // chat.IdempotencyKey.String
	Fingerprint string      `dynamodbav:"fingerprint"`
	Owner       string      `dynamodbav:"owner"`
	LeasedUntil int64       `dynamodbav:"leased_until,omitempty"` // ms since 1970; missing once the create has a number
	CreatedAt   layout.Time `dynamodbav:"created_at"`
	Number      int64       `dynamodbav:"number,omitempty"`
	AppToken    string      `dynamodbav:"app_token,omitempty"`
	ExpiresAt   int64       `dynamodbav:"expires_at"` // s since 1970: the table's time to live
}

func keyRowOf(c chat.Claim) keyRow {
	return keyRow{
		Key: c.Key.String(), Fingerprint: c.Fingerprint, Owner: c.Owner, LeasedUntil: c.LeasedUntil().UnixMilli(),
		CreatedAt: layout.At(c.CreatedAt), ExpiresAt: c.ExpiresAt().Unix(),
	}
}

func (r keyRow) claim(key chat.IdempotencyKey) chat.Claim {
	return chat.Claim{
		Key: key, Fingerprint: r.Fingerprint, Owner: r.Owner, CreatedAt: r.CreatedAt.Time, Number: r.Number,
	}
}

// decode decodes a row into the value that into points to.
func decode(values item, into any) error {
	if err := attributevalue.UnmarshalMap(values, into); err != nil {
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
