package dynamo

import (
	"context"
	"fmt"

	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo/layout"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// StoreMessages implements chat.Store with transactions of messages and the chat's
// count, as storeCounted does. The count creates the chat's row if it does not
// exist yet; without created_at it is hidden from reads.
func (s *Store) StoreMessages(ctx context.Context, id chat.ChatID, messages []chat.Message) error {
	messages = distinct(messages, func(m chat.Message) int64 { return m.Number })
	rows := make([]types.TransactWriteItem, len(messages))
	for i, m := range messages {
		row, err := newRow(s.tables.Messages, "chat", layout.NewMessage(m))
		if err != nil {
			return fmt.Errorf("store messages: %w", err)
		}
		rows[i] = types.TransactWriteItem{Put: row}
	}
	missing, err := s.storeCounted(ctx, rows, func(added int) (*types.Update, error) {
		return s.countMessages(id, added)
	})
	if err != nil {
		return storeError("store messages", err, missing, len(rows))
	}
	return nil
}

func (s *Store) countMessages(id chat.ChatID, added int) (*types.Update, error) {
	update := countBy("message_count", added)
	return newUpdate(s.tables.Chats, chatKey(id), expression.NewBuilder().WithUpdate(update))
}

// Message implements chat.Store with one call if the message is stored.
func (s *Store) Message(ctx context.Context, id chat.ChatID, n int64) (chat.Message, error) {
	var row layout.Message
	found, err := s.get(ctx, s.tables.Messages, messageKey(id, n), &row)
	if err != nil {
		return chat.Message{}, failure("read message", err)
	}
	if found {
		return row.Message(id), nil
	}
	return chat.Message{}, s.whyNoMessage(ctx, id, n)
}

// whyNoMessage tells why a message is not stored.
func (s *Store) whyNoMessage(ctx context.Context, id chat.ChatID, n int64) error {
	highest, found, err := s.counter(ctx, id.String())
	switch {
	case err != nil:
		return failure("read the chat's message numbers", err)
	case !found:
		return s.noChat(ctx, id.AppToken)
	case n > highest:
		return chat.ErrMessageNotFound
	default:
		return chat.ErrNotStoredYet
	}
}

// Messages implements chat.Store with one call if there are messages on the page,
// and one more for each MiB of them.
func (s *Store) Messages(
	ctx context.Context, id chat.ChatID, page chat.Page,
) (messages []chat.Message, more bool, err error) {
	rows, more, err := query[layout.Message](ctx, s, listing{
		table:   s.tables.Messages,
		parent:  expression.Key("chat").Equal(expression.Value(id.String())),
		numbers: "message_number",
		page:    page,
	})
	if err != nil {
		return nil, false, failure("list messages", err)
	}
	if len(rows) == 0 {
		return nil, false, s.CheckChat(ctx, id)
	}
	for _, row := range rows {
		messages = append(messages, row.Message(id))
	}
	return messages, more, nil
}
