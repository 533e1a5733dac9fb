package dynamo

import (
	"context"
	"errors"
	"fmt"

	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo/layout"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"
)

// concurrentCounters is how many counters of one call are created concurrently.
const concurrentCounters = 10

// StoreChats implements chat.Store: it creates the counters first, so that
// messages can be created in every chat that is stored, then stores the rows and
// their count in transactions as storeCounted does.
func (s *Store) StoreChats(ctx context.Context, appToken string, chats []chat.Chat) error {
	chats = distinct(chats, func(c chat.Chat) int64 { return c.Number })
	if len(chats) == 0 {
		return nil
	}
	if err := s.checkApp(ctx, appToken); err != nil {
		return fmt.Errorf("store chats: %w", err)
	}
	if err := s.createCounters(ctx, appToken, chats); err != nil {
		return fmt.Errorf("store chats: %w", err)
	}
	rows := make([]types.TransactWriteItem, len(chats))
	for i, c := range chats {
		row, err := s.completeChat(appToken, c)
		if err != nil {
			return fmt.Errorf("store chats: %w", err)
		}
		rows[i] = types.TransactWriteItem{Update: row}
	}
	missing, err := s.storeCounted(ctx, rows, func(added int) (*types.Update, error) {
		return s.countChats(appToken, added)
	})
	if errors.Is(err, errCountRefused) {
		return chat.ErrAppNotFound
	}
	if err != nil {
		return storeError("store chats", err, missing, len(rows))
	}
	return nil
}

func (s *Store) createCounters(ctx context.Context, appToken string, chats []chat.Chat) error {
	creating, ctx := errgroup.WithContext(ctx)
	creating.SetLimit(concurrentCounters)
	for _, c := range chats {
		creating.Go(func() error {
			return s.CreateCounter(ctx, chat.ChatID{AppToken: appToken, Number: c.Number})
		})
	}
	return creating.Wait()
}

// completeChat returns the update that stores a chat whose row does not exist, or
// was created by the count of the chat's messages.
func (s *Store) completeChat(appToken string, c chat.Chat) (*types.Update, error) {
	update := expression.
		Set(expression.Name("version"), expression.Value(c.Version)).
		Set(expression.Name("created_at"), expression.Value(layout.At(c.CreatedAt))).
		Set(expression.Name("updated_at"), expression.Value(layout.At(c.UpdatedAt))).
		Add(expression.Name("message_count"), expression.Value(0))
	if c.Title != "" {
		update = update.Set(expression.Name("title"), expression.Value(c.Title))
	}
	if len(c.Metadata) > 0 {
		update = update.Set(expression.Name("metadata"), expression.Value(c.Metadata))
	}
	condition := expression.AttributeNotExists(expression.Name("created_at"))
	key := chatKey(chat.ChatID{AppToken: appToken, Number: c.Number})
	return newUpdate(s.tables.Chats, key, expression.NewBuilder().WithUpdate(update).WithCondition(condition))
}

// countChats returns the update of an app's count of chats. Its condition is that
// the app exists.
func (s *Store) countChats(appToken string, added int) (*types.Update, error) {
	update := countBy("chat_count", added)
	condition := expression.AttributeExists(expression.Name("app_token"))
	return newUpdate(s.tables.Apps, appKey(appToken),
		expression.NewBuilder().WithUpdate(update).WithCondition(condition))
}

// Chat implements chat.Store with one call if the chat is stored.
func (s *Store) Chat(ctx context.Context, id chat.ChatID) (chat.Chat, error) {
	var row chatRow
	found, err := s.get(ctx, s.tables.Chats, chatKey(id), &row)
	if err != nil {
		return chat.Chat{}, failure("read chat", err)
	}
	if found && row.stored() {
		return row.chat(), nil
	}
	return chat.Chat{}, s.whyNoChat(ctx, id)
}

// whyNoChat tells why a chat is not stored.
func (s *Store) whyNoChat(ctx context.Context, id chat.ChatID) error {
	highest, found, err := s.counter(ctx, id.AppToken)
	switch {
	case err != nil:
		return failure("read the app's chat numbers", err)
	case !found:
		return chat.ErrAppNotFound
	case id.Number > highest:
		return chat.ErrChatNotFound
	default:
		return chat.ErrNotStoredYet
	}
}

// Chats implements chat.Store with one call if there are chats on the page, and
// more if rows whose create is not stored yet are between them.
func (s *Store) Chats(ctx context.Context, appToken string, page chat.Page) (chats []chat.Chat, more bool, err error) {
	rows, more, err := query[chatRow](ctx, s, listing{
		table:   s.tables.Chats,
		parent:  expression.Key("app_token").Equal(expression.Value(appToken)),
		numbers: "chat_number",
		has:     "created_at",
		page:    page,
	})
	if err != nil {
		return nil, false, failure("list chats", err)
	}
	if len(rows) == 0 {
		return nil, false, s.checkApp(ctx, appToken)
	}
	for _, row := range rows {
		chats = append(chats, row.chat())
	}
	return chats, more, nil
}
