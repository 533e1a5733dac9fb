package dynamo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// rowsAtOnce is how many rows go into one transaction: it takes 100 items, and
// one of them is the count. It also takes 4 MB, more than twice what so many
// messages of chat.MaxBody make.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html#limits-dynamodb-transactions
const rowsAtOnce = 99

// A transaction that meets another one on a row, or is throttled, is tried
// again up to maxTries times, after a random time of up to firstDelay, then
// twice that and so on up to maxDelay: about 3 s in all.
//
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
const (
	maxTries   = 12
	firstDelay = 10 * time.Millisecond
	maxDelay   = time.Second
)

// errCountRefused: the condition of the count's update failed.
var errCountRefused = errors.New("the row that holds the count is not there")

// storeCounted writes rows and adds the number of those that are new to their
// parent's count, in transactions of at most rowsAtOnce rows. Each row must be
// conditional on not being there yet; those that are there are left as they
// are. It returns errCountRefused where the condition of the count failed.
func (s *Store) storeCounted(ctx context.Context, rows []types.TransactWriteItem, count func(added int) (*types.Update, error)) error {
	for some := range slices.Chunk(rows, rowsAtOnce) {
		if err := s.storeTogether(ctx, some, count); err != nil {
			return err
		}
	}
	return nil
}

// storeTogether writes the rows of one transaction. Each call of DynamoDB
// either stores all, or tells rows that are there already, which are dropped,
// or met something that may pass.
func (s *Store) storeTogether(ctx context.Context, rows []types.TransactWriteItem, count func(added int) (*types.Update, error)) error {
	for tries := 1; len(rows) > 0; {
		counted, err := count(len(rows))
		if err != nil {
			return err
		}
		_, err = s.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
			TransactItems: append(slices.Clone(rows), types.TransactWriteItem{Update: counted}),
		})
		var canceled *types.TransactionCanceledException
		if !errors.As(err, &canceled) {
			return err // nil where all is stored
		}
		missing, err := stillMissing(rows, canceled.CancellationReasons)
		if err != nil {
			return err
		}
		if len(missing) < len(rows) {
			rows = missing
			continue
		}
		if tries == maxTries {
			return fmt.Errorf("%w after %d tries: %w", chat.ErrUnavailable, tries, canceled)
		}
		if err := waitToTry(ctx, tries); err != nil {
			return err
		}
		tries++
	}
	return nil
}

// stillMissing returns the rows that a cancelled transaction did not find. The
// reasons come in the order of the transaction's items, the count's last. It
// returns an error for reasons that would come again.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html#API_TransactWriteItems_Errors
func stillMissing(rows []types.TransactWriteItem, reasons []types.CancellationReason) ([]types.TransactWriteItem, error) {
	if len(reasons) != len(rows)+1 {
		return nil, fmt.Errorf("transaction of %d items cancelled for %d reasons", len(rows)+1, len(reasons))
	}
	var missing []types.TransactWriteItem
	for i, reason := range reasons {
		isCount := i == len(rows)
		refused, err := refusedBy(reason)
		switch {
		case err != nil:
			return nil, fmt.Errorf("transaction cancelled: item %d: %w", i+1, err)
		case refused && isCount:
			return nil, errCountRefused
		case !refused && !isCount:
			missing = append(missing, rows[i])
		}
	}
	return missing, nil
}

// refusedByAny reports whether the condition of any item cancelled a
// transaction. It returns an error for reasons that would come again.
func refusedByAny(reasons []types.CancellationReason) (bool, error) {
	any := false
	for i, reason := range reasons {
		refused, err := refusedBy(reason)
		if err != nil {
			return false, fmt.Errorf("transaction cancelled: item %d: %w", i+1, err)
		}
		any = any || refused
	}
	return any, nil
}

// refusedBy reports whether an item's condition cancelled its transaction, and
// false where the item, or another one, may succeed the next time. It returns
// an error for a reason that would come again.
func refusedBy(reason types.CancellationReason) (bool, error) {
	switch code := aws.ToString(reason.Code); code {
	case "ConditionalCheckFailed":
		return true, nil
	case "None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
		return false, nil
	default:
		return false, fmt.Errorf("%s: %s", code, aws.ToString(reason.Message))
	}
}

// waitToTry waits before the next try, or until the context ends.
func waitToTry(ctx context.Context, tries int) error {
	timer := time.NewTimer(rand.N(min(firstDelay<<(tries-1), maxDelay)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// countBy returns the change of a count. It is numbered, so that whoever
// counted the rows can tell whether the count changed meanwhile.
func countBy(count string, added int) expression.UpdateBuilder {
	return expression.
		Add(expression.Name(count), expression.Value(added)).
		Add(expression.Name(countChanges), expression.Value(1))
}

// distinct returns the items with different numbers, the first of each: a
// transaction may name a row only once.
func distinct[Item any](items []Item, number func(Item) int64) []Item {
	seen := make(map[int64]bool, len(items))
	var first []Item
	for _, item := range items {
		if n := number(item); !seen[n] {
			seen[n] = true
			first = append(first, item)
		}
	}
	return first
}

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
