package dynamo

import (
	"context"
	"errors"
	"fmt"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

var _ chat.Idempotency = (*Store)(nil)

// Claim implements chat.Idempotency with one conditional write of 1 write
// unit: a key's row is below 1 KB. If the condition fails, DynamoDB returns the
// existing row, so no read is needed. It deletes expired rows within days, so the
// condition checks the time as well.
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
	var failed *types.ConditionalCheckFailedException
	switch {
	case err == nil:
		return claim, nil
	case !errors.As(err, &failed):
		return chat.Claim{}, failure("claim key", err)
	}
	var row keyRow
	if err := decode(failed.Item, &row); err != nil {
		return chat.Claim{}, fmt.Errorf("claim key: %w", err)
	}
	return claim.Resolve(row.claim(claim.Key))
}

// keyFree is the condition that no row with a claim's key exists, or only an
// expired one.
func keyFree(claim chat.Claim) expression.ConditionBuilder {
	return expression.Or(
		expression.AttributeNotExists(expression.Name("key")),
		expression.LessThanEqual(expression.Name("expires_at"), expression.Value(claim.CreatedAt.Unix())),
	)
}

// keyGivenUp is the condition that a claim's key is claimed for the same request,
// and that the lease of that claim has ended without a number.
func keyGivenUp(claim chat.Claim) expression.ConditionBuilder {
	return expression.And(
		expression.AttributeExists(expression.Name("leased_until")),
		expression.LessThanEqual(expression.Name("leased_until"), expression.Value(claim.CreatedAt.UnixMilli())),
		expression.Equal(expression.Name("fingerprint"), expression.Value(claim.Fingerprint)),
	)
}

// putKey returns the put of a key's row on a condition. If the condition fails,
// DynamoDB returns the existing row.
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
// condition is the claim's owner, which stays in the row, so the SDK can retry it
// if a response is lost.
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

// CreateAppOnce implements chat.Idempotency with one transaction of three rows:
// two write units for each KB of each, 6 for an app without metadata. Of two at
// the same time, one may conflict with the other; then it is retried and finds
// the other's key.
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
	refused, err := s.transact(ctx, append(items, types.TransactWriteItem{Put: key}))
	switch {
	case err != nil:
		return chat.App{}, failure("create app", err)
	case refused == nil:
		return app, nil
	case !refusedBy(refused[len(items)]):
		return chat.App{}, errors.New("create app: an app with this token exists")
	}
	var existing keyRow
	if err := decode(refused[len(items)].Item, &existing); err != nil {
		return chat.App{}, fmt.Errorf("create app: %w", err)
	}
	if existing.Fingerprint != claim.Fingerprint {
		return chat.App{}, chat.ErrKeyReused
	}
	app.Token, app.CreatedAt, app.UpdatedAt = existing.AppToken, existing.CreatedAt.Time, existing.CreatedAt.Time
	return app, nil
}
