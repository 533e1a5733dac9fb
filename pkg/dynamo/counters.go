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

// errNoCounter: the parent whose numbers were asked for is not there.
var errNoCounter = errors.New("no such counter")

// AllocateChatNumber implements chat.Store with one call.
func (s *Store) AllocateChatNumber(ctx context.Context, appToken string) (int64, error) {
	n, err := s.take(ctx, appToken)
	if errors.Is(err, errNoCounter) {
		return 0, chat.ErrAppNotFound
	}
	if err != nil {
		return 0, failure("take chat number", err)
	}
	return n, nil
}

// AllocateMessageNumber implements chat.Store with one call, and a second one
// where the chat is not there.
func (s *Store) AllocateMessageNumber(ctx context.Context, id chat.ChatID) (int64, error) {
	n, err := s.take(ctx, id.String())
	if errors.Is(err, errNoCounter) {
		return 0, s.noChat(ctx, id.AppToken)
	}
	if err != nil {
		return 0, failure("take message number", err)
	}
	return n, nil
}

// take adds 1 to a counter and returns its new value. DynamoDB applies the
// updates of an item one after the other, so no two calls get the same value
// and a later call gets a higher one. Where an answer is lost the SDK asks
// again and the counter moves twice: that number stays unused, which the
// numbering allows, and no number is given out twice.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html#WorkingWithItems.AtomicCounters
func (s *Store) take(ctx context.Context, counter string) (int64, error) {
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
		return fmt.Errorf("open chat: %w", err)
	}
	_, err = s.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:                put.TableName,
		Item:                     put.Item,
		ConditionExpression:      put.ConditionExpression,
		ExpressionAttributeNames: put.ExpressionAttributeNames,
	})
	if err != nil && !conditionFailed(err) {
		return failure("open chat", err)
	}
	return nil
}

// newCounter returns the put of a counter at 0 that is not there yet.
func (s *Store) newCounter(counter string) (*types.Put, error) {
	return newRow(s.tables.Counters, "counter", counterRow{Counter: counter})
}

// newRow returns the put of a row that is not there yet; every row has the
// attribute partitionKey.
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

// CheckChat implements chat.Store with one call where the chat is there.
func (s *Store) CheckChat(ctx context.Context, id chat.ChatID) error {
	_, found, err := s.counter(ctx, id.String())
	switch {
	case err != nil:
		return failure("find chat", err)
	case !found:
		return s.noChat(ctx, id.AppToken)
	default:
		return nil
	}
}

// noChat tells why a chat is not there: chat.ErrAppNotFound or
// chat.ErrChatNotFound.
func (s *Store) noChat(ctx context.Context, appToken string) error {
	if err := s.findApp(ctx, appToken); err != nil {
		return err
	}
	return chat.ErrChatNotFound
}

// findApp returns nil where the app is there, else chat.ErrAppNotFound.
func (s *Store) findApp(ctx context.Context, token string) error {
	_, found, err := s.counter(ctx, token)
	switch {
	case err != nil:
		return failure("find app", err)
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

// get reads a row into what row points to.
func (s *Store) get(ctx context.Context, table string, key item, row any) (found bool, err error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      &table,
		Key:            key,
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return false, err
	}
	if len(out.Item) == 0 {
		return false, nil
	}
	return true, decode(out.Item, row)
}
