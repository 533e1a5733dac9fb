package dynamo

import (
	"context"
	"fmt"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// listing selects a page of the rows of one partition.
type listing struct {
	table   string
	parent  expression.KeyConditionBuilder // the partition
	numbers string                         // the sort key
	has     string                         // an attribute without which a row is skipped, "" for none
	page    chat.Page
}

// query returns the rows of a page, and whether there are more: it reads one row
// beyond the page. A call may return fewer rows than its limit, because it stops
// after 1 MiB and because skipped rows count, so it is repeated until the page is
// full or the partition ends.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html
func query[Row any](ctx context.Context, s *Store, l listing) (rows []Row, more bool, err error) {
	input, ok, err := l.input()
	if err != nil || !ok {
		return nil, false, err
	}
	for len(rows) <= l.page.Limit {
		if l.has == "" { // else each call might return one row, and skip it
			input.Limit = aws.Int32(int32(l.page.Limit + 1 - len(rows)))
		}
		out, err := s.client.Query(ctx, input)
		if err != nil {
			return nil, false, err
		}
		var some []Row
		if err := attributevalue.UnmarshalListOfMaps(out.Items, &some); err != nil {
			return nil, false, fmt.Errorf("decode rows of %s: %w", l.table, err)
		}
		rows = append(rows, some...)
		if input.ExclusiveStartKey = out.LastEvaluatedKey; len(out.LastEvaluatedKey) == 0 {
			break
		}
	}
	if len(rows) > l.page.Limit {
		return rows[:l.page.Limit], true, nil
	}
	return rows, false, nil
}

// input returns the query, and false if no number can be on the page.
func (l listing) input() (*dynamodb.QueryInput, bool, error) {
	lowest, highest := l.page.After+1, int64(chat.MaxNumber)
	if l.page.Before > 0 {
		highest = min(highest, l.page.Before-1)
	}
	if lowest > highest {
		return nil, false, nil // DynamoDB refuses an empty range
	}
	numbers := expression.Key(l.numbers).Between(expression.Value(lowest), expression.Value(highest))
	builder := expression.NewBuilder().WithKeyCondition(l.parent.And(numbers))
	if l.has != "" {
		builder = builder.WithFilter(expression.AttributeExists(expression.Name(l.has)))
	}
	expr, err := builder.Build()
	if err != nil {
		return nil, false, fmt.Errorf("build query: %w", err)
	}
	return &dynamodb.QueryInput{
		TableName:                 &l.table,
		KeyConditionExpression:    expr.KeyCondition(),
		FilterExpression:          expr.Filter(),
		ExpressionAttributeNames:  expr.Names(),
		ExpressionAttributeValues: expr.Values(),
		ScanIndexForward:          aws.Bool(!l.page.Descending),
		ConsistentRead:            aws.Bool(true),
		Limit:                     aws.Int32(int32(l.page.Limit + 1)),
	}, true, nil
}
