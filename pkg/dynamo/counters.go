package dynamo

import (
	"context"
	"errors"
	"fmt"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// errNoCounter is returned when the parent of a number does not exist.
var errNoCounter = errors.New("the counter does not exist")

// AllocateChatNumber implements chat.Store with one call.
func (s *Store) AllocateChatNumber(ctx context.Context, appToken string) (int64, error) {
	n, err := s.allocate(ctx, appToken)
	if errors.Is(err, errNoCounter) {
		return 0, chat.ErrAppNotFound
	}
	if err != nil {
		return 0, failure("allocate chat number", err)
	}
	return n, nil
}

// AllocateMessageNumber implements chat.Store with one call, and a second one
// if the chat does not exist.
func (s *Store) AllocateMessageNumber(ctx context.Context, id chat.ChatID) (int64, error) {
	n, err := s.allocate(ctx, id.String())
	if errors.Is(err, errNoCounter) {
		return 0, s.noChat(ctx, id.AppToken)
	}
	if err != nil {
		return 0, failure("allocate message number", err)
	}
	return n, nil
}

// allocate adds 1 to a counter and returns its new value. DynamoDB applies the
// updates of an item in order, so no two calls get the same value and a later
// call gets a higher one. If a response is lost the SDK retries and the counter
// is raised twice: the first of these numbers stays unused, which the numbering
// allows, and no number is allocated twice.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html#WorkingWithItems.AtomicCounters
func (s *Store) allocate(ctx context.Context, counter string) (int64, error) {
	update, err := newUpdate(s.tables.Counters, counterKey(counter), expression.NewBuilder().
		WithUpdate(expression.Add(expression.Name("value"), expression.Value(1))).
		WithCondition(expression.AttributeExists(expression.Name("counter"))))
	if err != nil {
		return 0, err
	}
	input := inputOf(update)
	input.ReturnValues = types.ReturnValueUpdatedNew
	out, err := s.client.UpdateItem(ctx, input)
	if conditionFailed(err) {
		return 0, errNoCounter
	}
	if err != nil {
		return 0, err
	}
	var row counterRow
	err = decode(out.Attributes, &row)
	return row.Value, err
}

// CreateCounter implements chat.Store: it creates the counter of the chat's
// messages.
func (s *Store) CreateCounter(ctx context.Context, id chat.ChatID) error {
	put, err := s.newCounter(id.String())
	if err != nil {
		return fmt.Errorf("create counter: %w", err)
	}
	_, err = s.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:                put.TableName,
		Item:                     put.Item,
		ConditionExpression:      put.ConditionExpression,
		ExpressionAttributeNames: put.ExpressionAttributeNames,
	})
	if err != nil && !conditionFailed(err) {
		return failure("create counter", err)
	}
	return nil
}

// newCounter returns the put of a counter at 0 that does not exist yet.
func (s *Store) newCounter(counter string) (*types.Put, error) {
	return newRow(s.tables.Counters, "counter", counterRow{Counter: counter})
}

// newRow returns the put of a row that does not exist yet; every row of the table
// has the attribute partitionKey.
func newRow(table, partitionKey string, row any) (*types.Put, error) {
	values, err := attributevalue.MarshalMap(row)
	if err != nil {
		return nil, fmt.Errorf("encode row: %w", err)
	}
	expr, err := expression.NewBuilder().
		WithCondition(expression.AttributeNotExists(expression.Name(partitionKey))).
		Build()
	if err != nil {
		return nil, fmt.Errorf("build put of row: %w", err)
	}
	return &types.Put{
		TableName:                &table,
		Item:                     values,
		ConditionExpression:      expr.Condition(),
		ExpressionAttributeNames: expr.Names(),
	}, nil
}

// CheckChat implements chat.Store with one call if the chat exists.
func (s *Store) CheckChat(ctx context.Context, id chat.ChatID) error {
	_, found, err := s.counter(ctx, id.String())
	switch {
	case err != nil:
		return failure("check chat", err)
	case !found:
		return s.noChat(ctx, id.AppToken)
	default:
		return nil
	}
}

// noChat tells why a chat does not exist: chat.ErrAppNotFound or
// chat.ErrChatNotFound.
func (s *Store) noChat(ctx context.Context, appToken string) error {
	if err := s.checkApp(ctx, appToken); err != nil {
		return err
	}
	return chat.ErrChatNotFound
}

// checkApp returns nil if the app exists, else chat.ErrAppNotFound.
func (s *Store) checkApp(ctx context.Context, token string) error {
	_, found, err := s.counter(ctx, token)
	switch {
	case err != nil:
		return failure("check app", err)
	case !found:
		return chat.ErrAppNotFound
	default:
		return nil
	}
}

// counter reads a counter.
func (s *Store) counter(ctx context.Context, counter string) (value int64, found bool, err error) {
	var row counterRow
	found, err = s.get(ctx, s.tables.Counters, counterKey(counter), &row)
	return row.Value, found, err
}

// get reads a row into the value that row points to.
func (s *Store) get(ctx context.Context, table string, key item, row any) (found bool, err error) {
	values, err := s.getItem(ctx, table, key)
	if err != nil || len(values) == 0 {
		return false, err
	}
	return true, decode(values, row)
}

// getItem reads a row, which is empty if it does not exist.
func (s *Store) getItem(ctx context.Context, table string, key item) (item, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      &table,
		Key:            key,
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}
