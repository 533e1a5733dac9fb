package dynamo

import (
	"context"
	"errors"
	"fmt"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

var _ chat.Auditor = (*Store)(nil)

// tallies is how often rows are counted if their count changes meanwhile.
const tallies = 8

// errMoving is returned when a count changed each time its rows were counted.
var errMoving = fmt.Errorf("%w: the count changed %d times while its rows were counted", chat.ErrUnavailable, tallies)

// Counter implements chat.Auditor with one call.
func (s *Store) Counter(ctx context.Context, parent chat.Parent) (int64, bool, error) {
	value, found, err := s.counter(ctx, parent.String())
	if err != nil {
		return 0, false, failure("read counter", err)
	}
	return value, found, nil
}

// RaiseCounter implements chat.Auditor with one call of one write unit. DynamoDB
// orders it and an allocation at the same time, so that the number is above or
// below the new value.
func (s *Store) RaiseCounter(ctx context.Context, parent chat.Parent, value int64) error {
	below := expression.AttributeNotExists(expression.Name("counter")).
		Or(expression.Name("value").LessThan(expression.Value(value)))
	update, err := newUpdate(s.tables.Counters, counterKey(parent.String()), expression.NewBuilder().
		WithUpdate(expression.Set(expression.Name("value"), expression.Value(value))).WithCondition(below))
	if err != nil {
		return fmt.Errorf("raise counter: %w", err)
	}
	if err := s.updateItem(ctx, inputOf(update)); err != nil && !conditionFailed(err) {
		return failure("raise counter", err)
	}
	return nil
}

// CountChats implements chat.Auditor with a read of the app's row before and
// after a count of its chats, which reads them all.
func (s *Store) CountChats(ctx context.Context, appToken string) (chat.Count, error) {
	tally, _, err := s.tally(ctx, s.chatsOf(appToken))
	return tally, whyNoTally("count chats", err)
}

// CountMessages implements chat.Auditor with a read of the chat's row before
// and after a count of its messages, which reads them all.
func (s *Store) CountMessages(ctx context.Context, id chat.ChatID) (chat.Count, error) {
	tally, _, err := s.tally(ctx, s.messagesOf(id))
	return tally, whyNoTally("count messages", err)
}

// RepairChatCount implements chat.Auditor with the calls of CountChats and, if the
// count is wrong, a write of one write unit for each KB of the app's row.
func (s *Store) RepairChatCount(ctx context.Context, appToken string) (chat.Count, error) {
	tally, err := s.repairCount(ctx, s.chatsOf(appToken))
	return tally, whyNoTally("repair count of chats", err)
}

// RepairMessageCount implements chat.Auditor with the calls of CountMessages and,
// if the count is wrong, a write of one write unit for each KB of the chat's row.
func (s *Store) RepairMessageCount(ctx context.Context, id chat.ChatID) (chat.Count, error) {
	tally, err := s.repairCount(ctx, s.messagesOf(id))
	return tally, whyNoTally("repair count of messages", err)
}

func whyNoTally(attempted string, err error) error {
	if err == nil || errors.Is(err, chat.ErrAppNotFound) {
		return err
	}
	return failure(attempted, err)
}

// counted is a count and the rows that it counts.
type counted struct {
	table  string // of the row that holds the count
	key    item
	count  string // the attribute
	rows   *dynamodb.QueryInput
	absent error // returned if the row does not exist, nil if it then counts as 0
	err    error // of building the query
}

func (s *Store) chatsOf(appToken string) counted {
	rows, err := countQuery(s.tables.Chats, expression.Key("app_token").Equal(expression.Value(appToken)),
		expression.AttributeExists(expression.Name("created_at")))
	return counted{
		table: s.tables.Apps, key: appKey(appToken), count: "chat_count",
		rows: rows, absent: chat.ErrAppNotFound, err: err,
	}
}

func (s *Store) messagesOf(id chat.ChatID) counted {
	rows, err := countQuery(s.tables.Messages, expression.Key("chat").Equal(expression.Value(id.String())),
		expression.AttributeNotExists(expression.Name("deleted_at")))
	return counted{table: s.tables.Chats, key: chatKey(id), count: "message_count", rows: rows, err: err}
}

func countQuery(
	table string, parent expression.KeyConditionBuilder, which expression.ConditionBuilder,
) (*dynamodb.QueryInput, error) {
	expr, err := expression.NewBuilder().WithKeyCondition(parent).WithFilter(which).Build()
	if err != nil {
		return nil, fmt.Errorf("build query: %w", err)
	}
	return &dynamodb.QueryInput{
		TableName:                 &table,
		KeyConditionExpression:    expr.KeyCondition(),
		FilterExpression:          expr.Filter(),
		ExpressionAttributeNames:  expr.Names(),
		ExpressionAttributeValues: expr.Values(),
		Select:                    types.SelectCount,
		ConsistentRead:            aws.Bool(true),
	}, nil
}

// kept is a count as its row holds it.
type kept struct {
	ChatCount    int64 `dynamodbav:"chat_count"`
	MessageCount int64 `dynamodbav:"message_count"`
	Changes      int64 `dynamodbav:"count_changes"`
}

func (k kept) count() int64 { return k.ChatCount + k.MessageCount } // a row has one of the two

// tally compares a count with its rows, and returns how often the count had
// changed. Rows and their count change in one transaction, and each such
// transaction numbers the change: if that number is the same before and after the
// rows were counted, none was added or removed between, and count and rows are of
// one instant.
func (s *Store) tally(ctx context.Context, c counted) (t chat.Count, changes int64, err error) {
	before, err := s.readCount(ctx, c)
	for range tallies {
		if err != nil {
			return chat.Count{}, 0, err
		}
		rows, err := s.countRows(ctx, c)
		if err != nil {
			return chat.Count{}, 0, err
		}
		after, err := s.readCount(ctx, c)
		if err != nil {
			return chat.Count{}, 0, err
		}
		if after.Changes == before.Changes {
			return chat.Count{Stored: after.count(), Actual: rows}, after.Changes, nil
		}
		before = after
	}
	return chat.Count{}, 0, errMoving
}

// repairCount sets a wrong count to the number of its rows, on the condition that
// none was added or removed since the tally. It returns the first tally.
func (s *Store) repairCount(ctx context.Context, c counted) (first chat.Count, err error) {
	for try := range tallies {
		tally, changes, err := s.tally(ctx, c)
		if err != nil {
			return chat.Count{}, err
		}
		if try == 0 {
			first = tally
		}
		if tally.Exact() {
			return first, nil
		}
		if err := s.setCount(ctx, c, tally.Actual, changes); !conditionFailed(err) {
			return first, err
		}
	}
	return chat.Count{}, errMoving
}

func (s *Store) setCount(ctx context.Context, c counted, rows, changes int64) error {
	update := expression.
		Set(expression.Name(c.count), expression.Value(rows)).
		Add(expression.Name(countChanges), expression.Value(1))
	same := expression.Name(countChanges).Equal(expression.Value(changes))
	if changes == 0 {
		same = expression.AttributeNotExists(expression.Name(countChanges))
	}
	set, err := newUpdate(c.table, c.key, expression.NewBuilder().WithUpdate(update).WithCondition(same))
	if err != nil {
		return err
	}
	return s.updateItem(ctx, inputOf(set))
}

func (s *Store) readCount(ctx context.Context, c counted) (k kept, err error) {
	if c.err != nil {
		return kept{}, c.err
	}
	found, err := s.get(ctx, c.table, c.key, &k)
	if err == nil && !found {
		err = c.absent
	}
	return k, err
}

func (s *Store) countRows(ctx context.Context, c counted) (rows int64, err error) {
	for input := *c.rows; ; {
		out, err := s.client.Query(ctx, &input)
		if err != nil {
			return 0, err
		}
		rows += int64(out.Count)
		if input.ExclusiveStartKey = out.LastEvaluatedKey; len(out.LastEvaluatedKey) == 0 {
			return rows, nil
		}
	}
}
