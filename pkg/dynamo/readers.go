package dynamo

import (
	"context"
	"errors"
	"fmt"

	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo/layout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

var _ chat.Readers = (*Store)(nil)

// ReadState implements chat.Readers with one call, which reads two items, and a
// second call if the chat does not exist.
func (s *Store) ReadState(ctx context.Context, id chat.ChatID, reader string) (chat.ReadState, error) {
	mark, last, err := s.markAndCounter(ctx, id, reader)
	if err != nil {
		return chat.ReadState{}, err
	}
	return chat.NewReadState(mark, last), nil
}

// MarkRead implements chat.Readers with the call of ReadState and, if the mark
// rises, one write of 1 write unit: a reader's row is below 1 KB.
func (s *Store) MarkRead(ctx context.Context, id chat.ChatID, mark chat.ReadMark) (chat.ReadState, error) {
	current, last, err := s.markAndCounter(ctx, id, mark.Reader)
	if err != nil {
		return chat.ReadState{}, err
	}
	if err := mark.Check(last); err != nil {
		return chat.ReadState{}, err
	}
	if mark.LastRead > current.LastRead {
		if current, err = s.raiseMark(ctx, id, mark); err != nil {
			return chat.ReadState{}, failure("mark read", err)
		}
	}
	return chat.NewReadState(current, last), nil
}

// raiseMark writes a mark, unless another request has raised it as far or further
// meanwhile, and returns the mark as it is then.
func (s *Store) raiseMark(ctx context.Context, id chat.ChatID, mark chat.ReadMark) (chat.ReadMark, error) {
	lastRead := expression.Name("last_read")
	update, err := newUpdate(s.tables.Readers, readerKey(id, mark.Reader), expression.NewBuilder().
		WithUpdate(expression.
			Set(lastRead, expression.Value(mark.LastRead)).
			Set(expression.Name("updated_at"), expression.Value(layout.At(mark.UpdatedAt)))).
		WithCondition(expression.Or(
			expression.AttributeNotExists(lastRead),
			expression.LessThan(lastRead, expression.Value(mark.LastRead)),
		)))
	if err != nil {
		return chat.ReadMark{}, err
	}
	input := inputOf(update)
	input.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	_, err = s.client.UpdateItem(ctx, input)
	var higher *types.ConditionalCheckFailedException
	if !errors.As(err, &higher) {
		return mark, err
	}
	var row readerRow
	if err := decode(higher.Item, &row); err != nil {
		return chat.ReadMark{}, err
	}
	return row.mark(mark.Reader), nil
}

// markAndCounter reads a reader's mark and the chat's highest message number, or
// returns why the chat does not exist.
func (s *Store) markAndCounter(
	ctx context.Context, id chat.ChatID, reader string,
) (mark chat.ReadMark, last int64, err error) {
	found, err := s.getBatch(ctx, map[string]item{
		s.tables.Readers:  readerKey(id, reader),
		s.tables.Counters: counterKey(id.String()),
	})
	if err != nil {
		return chat.ReadMark{}, 0, failure("read a reader's mark", err)
	}
	if found[s.tables.Counters] == nil {
		return chat.ReadMark{}, 0, s.noChat(ctx, id.AppToken)
	}
	var counter counterRow
	var row readerRow
	err = errors.Join(
		attributevalue.UnmarshalMap(found[s.tables.Counters], &counter),
		attributevalue.UnmarshalMap(found[s.tables.Readers], &row),
	)
	if err != nil {
		return chat.ReadMark{}, 0, fmt.Errorf("decode a reader's mark: %w", err)
	}
	return row.mark(reader), counter.Value, nil
}

// getBatch reads one row of each table, by its key, in one call. DynamoDB may
// leave some unprocessed; those are read again.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
func (s *Store) getBatch(ctx context.Context, keys map[string]item) (found map[string]item, err error) {
	found = map[string]item{}
	asked := map[string]types.KeysAndAttributes{}
	for table, key := range keys {
		asked[table] = types.KeysAndAttributes{Keys: []item{key}, ConsistentRead: aws.Bool(true)}
	}
	for attempt := 1; ; attempt++ {
		out, err := s.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: asked})
		if err != nil {
			return nil, err
		}
		for table, rows := range out.Responses {
			for _, row := range rows {
				found[table] = row
			}
		}
		asked = out.UnprocessedKeys
		if len(asked) == 0 {
			return found, nil
		}
		if attempt == maxAttempts {
			return nil, fmt.Errorf("%w: %d rows not read after %d attempts", chat.ErrUnavailable, len(asked), attempt)
		}
		if err := waitToRetry(ctx, attempt); err != nil {
			return nil, err
		}
	}
}
