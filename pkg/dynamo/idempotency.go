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

var _ chat.Idempotency = (*Store)(nil)

// Claim implements chat.Idempotency with one conditional write of 1 write
// unit: a key's row is below 1 KB. Where the condition fails, DynamoDB returns
// the row that stands, so no read is needed. It deletes expired rows within
// days, so the condition looks at the time as well.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
func (s *Store) Claim(ctx context.Context, claim chat.Claim) (chat.Claim, error) {
	put, err := s.putKey(keyRowOf(claim), expression.Or(keyFree(claim), keyGivenUp(claim)))
	if err != nil {
		return chat.Claim{}, fmt.Errorf("claim key: %w", err)
	}
	_, err = s.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:                           put.TableName,
		Item:                                put.Item,
		ConditionExpression:                 put.ConditionExpression,
		ExpressionAttributeNames:            put.ExpressionAttributeNames,
		ExpressionAttributeValues:           put.ExpressionAttributeValues,
		ReturnValuesOnConditionCheckFailure: put.ReturnValuesOnConditionCheckFailure,
	})
	var stands *types.ConditionalCheckFailedException
	switch {
	case err == nil:
		return claim, nil
	case !errors.As(err, &stands):
		return chat.Claim{}, failure("claim key", err)
	}
	var row keyRow
	if err := decode(stands.Item, &row); err != nil {
		return chat.Claim{}, fmt.Errorf("claim key: %w", err)
	}
	return claim.Resolve(row.claim(claim.Key))
}

// keyFree is the condition that nothing stands for a claim's key, or nothing
// that is not expired.
func keyFree(claim chat.Claim) expression.ConditionBuilder {
	return expression.Or(
		expression.AttributeNotExists(expression.Name("key")),
		expression.LessThanEqual(expression.Name("expires_at"), expression.Value(claim.CreatedAt.Unix())),
	)
}

// keyGivenUp is the condition that a claim's key is claimed for the same
// request and that claim is over, without a number.
func keyGivenUp(claim chat.Claim) expression.ConditionBuilder {
	return expression.And(
		expression.AttributeExists(expression.Name("leased_until")),
		expression.LessThanEqual(expression.Name("leased_until"), expression.Value(claim.CreatedAt.UnixMilli())),
		expression.Equal(expression.Name("fingerprint"), expression.Value(claim.Fingerprint)),
	)
}

// putKey returns the put of a key's row on a condition, which returns the row
// that stands where the condition fails.
func (s *Store) putKey(row keyRow, condition expression.ConditionBuilder) (*types.Put, error) {
	values, err := attributevalue.MarshalMap(row)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	expr, err := expression.NewBuilder().WithCondition(condition).Build()
	if err != nil {
		return nil, fmt.Errorf("build put of key: %w", err)
	}
	return &types.Put{
		TableName:                           &s.tables.Idempotency,
		Item:                                values,
		ConditionExpression:                 expr.Condition(),
		ExpressionAttributeNames:            expr.Names(),
		ExpressionAttributeValues:           expr.Values(),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}, nil
}

// Record implements chat.Idempotency with one write of 1 write unit. Its
// condition is the claim's owner, which stays in the row, so the SDK may ask
// again where an answer was lost.
func (s *Store) Record(ctx context.Context, claim chat.Claim) error {
	update, err := newUpdate(s.tables.Idempotency, keyKey(claim.Key), expression.NewBuilder().
		WithUpdate(expression.
			Set(expression.Name("number"), expression.Value(claim.Number)).
			Remove(expression.Name("leased_until"))).
		WithCondition(owned(claim)))
	if err != nil {
		return fmt.Errorf("record number of key: %w", err)
	}
	_, err = s.client.UpdateItem(ctx, inputOf(update))
	switch {
	case conditionFailed(err):
		return chat.ErrKeyInUse
	case err != nil:
		return failure("record number of key", err)
	default:
		return nil
	}
}

// Release implements chat.Idempotency with one write of 1 write unit.
func (s *Store) Release(ctx context.Context, claim chat.Claim) error {
	expr, err := expression.NewBuilder().
		WithCondition(owned(claim).And(expression.AttributeNotExists(expression.Name("number")))).
		Build()
	if err != nil {
		return fmt.Errorf("build delete of key: %w", err)
	}
	_, err = s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName:                 &s.tables.Idempotency,
		Key:                       keyKey(claim.Key),
		ConditionExpression:       expr.Condition(),
		ExpressionAttributeNames:  expr.Names(),
		ExpressionAttributeValues: expr.Values(),
	})
	if err != nil && !conditionFailed(err) {
		return failure("release key", err)
	}
	return nil
}

func owned(claim chat.Claim) expression.ConditionBuilder {
	return expression.Equal(expression.Name("owner"), expression.Value(claim.Owner))
}

// CreateAppOnce implements chat.Idempotency with one transaction of three
// rows: 2 write units for each KB of each, 6 for an app without metadata. Two
// at once may meet; then one is tried again and finds the other's key.
func (s *Store) CreateAppOnce(ctx context.Context, claim chat.Claim, app chat.App) (chat.App, error) {
	items, err := s.newApp(app)
	if err != nil {
		return chat.App{}, fmt.Errorf("create app: %w", err)
	}
	row := keyRowOf(claim)
	row.LeasedUntil, row.AppToken = 0, app.Token
	key, err := s.putKey(row, keyFree(claim))
	if err != nil {
		return chat.App{}, fmt.Errorf("create app: %w", err)
	}
	items = append(items, types.TransactWriteItem{Put: key})
	for tries := 1; ; tries++ {
		_, err := s.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: items})
		var canceled *types.TransactionCanceledException
		switch {
		case err == nil:
			return app, nil
		case !errors.As(err, &canceled):
			return chat.App{}, failure("create app", err)
		}
		switch stands, err := keyThatStands(canceled); {
		case err != nil:
			return chat.App{}, fmt.Errorf("create app: %w", err)
		case stands == nil && tries == maxTries:
			return chat.App{}, fmt.Errorf("create app: %w after %d tries: %w", chat.ErrUnavailable, tries, canceled)
		case stands == nil:
			if err := waitToTry(ctx, tries); err != nil {
				return chat.App{}, failure("create app", err)
			}
		case stands.Fingerprint != claim.Fingerprint:
			return chat.App{}, chat.ErrKeyReused
		default:
			app.Token, app.CreatedAt, app.UpdatedAt = stands.AppToken, stands.CreatedAt.Time, stands.CreatedAt.Time
			return app, nil
		}
	}
}

// keyThatStands returns the row whose key cancelled a transaction of which the
// key is the last item, or nil for a reason that may pass.
func keyThatStands(canceled *types.TransactionCanceledException) (*keyRow, error) {
	reasons := canceled.CancellationReasons
	if last := len(reasons) - 1; last >= 0 && aws.ToString(reasons[last].Code) == "ConditionalCheckFailed" {
		var row keyRow
		err := decode(reasons[last].Item, &row)
		return &row, err
	}
	_, err := refusedByAny(reasons)
	return nil, err
}
