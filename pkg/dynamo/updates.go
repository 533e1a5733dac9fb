package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// newUpdate returns the update of a row as a part of a transaction.
func newUpdate(table string, key item, builder expression.Builder) (*types.Update, error) {
	expr, err := builder.Build()
	if err != nil {
		return nil, fmt.Errorf("build update of row: %w", err)
	}
	return &types.Update{
		TableName:                 &table,
		Key:                       key,
		UpdateExpression:          expr.Update(),
		ConditionExpression:       expr.Condition(),
		ExpressionAttributeNames:  expr.Names(),
		ExpressionAttributeValues: expr.Values(),
	}, nil
}

// inputOf returns the update of a row as a call of its own.
func inputOf(u *types.Update) *dynamodb.UpdateItemInput {
	return &dynamodb.UpdateItemInput{
		TableName:                 u.TableName,
		Key:                       u.Key,
		UpdateExpression:          u.UpdateExpression,
		ConditionExpression:       u.ConditionExpression,
		ExpressionAttributeNames:  u.ExpressionAttributeNames,
		ExpressionAttributeValues: u.ExpressionAttributeValues,
	}
}

// updateItem updates a row, and retries while a transaction holds it, as those
// of the writer hold the row of a busy chat.
func (s *Store) updateItem(ctx context.Context, input *dynamodb.UpdateItemInput) error {
	for attempt := 1; ; attempt++ {
		_, err := s.client.UpdateItem(ctx, input)
		if !isConflict(err) || attempt == maxAttempts {
			return err
		}
		if err := waitToRetry(ctx, attempt); err != nil {
			return err
		}
	}
}

// isConflict reports whether a write was refused because a transaction held the
// row.
func isConflict(err error) bool {
	var conflict *types.TransactionConflictException
	return errors.As(err, &conflict)
}
