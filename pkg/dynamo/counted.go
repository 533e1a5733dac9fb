package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	// maxRows is how many rows go into one transaction: DynamoDB accepts 100
	// items, and one of them is the count.
	//
	// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html#limits-dynamodb-transactions
	maxRows = 99
	// maxUnits is how many write units the rows of one transaction consume, unless
	// one row alone consumes more. A chat's messages are in one partition, which
	// takes 1,000 a second: a larger transaction would be throttled, as a whole,
	// whenever others write to it too.
	//
	// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
	maxUnits = 300
	// storeTimeout is how long rows are stored, with all retries. It ends before the
	// writer's timeout in template.yaml, so that the writer reports which creates
	// have to be delivered again.
	storeTimeout = 20 * time.Second
)

// errCountRefused is returned when the condition of the count's update failed.
var errCountRefused = errors.New("the row that holds the count does not exist")

// newCount returns the update that adds a number of rows to their parent's count.
type newCount func(added int) (*types.Update, error)

// storeCounted writes rows and adds the number of those that are new to their
// parent's count, in transactions of at most maxRows rows and maxUnits write
// units. Each row must be conditional on not existing; rows that exist stay as
// they are. A transaction that is throttled is halved before it is retried. Later
// ones grow again, but keep their distance, which each success shortens: if all
// writers of a busy chat went on at once, most of what they write would be
// throttled again (docs/reports/scale.md).
//
// It returns errCountRefused if the condition of the count failed, and an error
// that wraps chat.ErrUnavailable after maxAttempts that stored nothing or after
// storeTimeout. With an error it returns the rows that may not be stored.
func (s *Store) storeCounted(
	ctx context.Context, rows []types.TransactWriteItem, count newCount,
) ([]types.TransactWriteItem, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	limit, distance := maxUnits, 0
	for attempt := 1; len(rows) > 0; attempt++ {
		if distance > 0 {
			if err := waitToRetry(ctx, distance); err != nil {
				return rows, err
			}
		}
		some, consumed := firstRows(rows, limit)
		missing, err := s.storeTogether(ctx, rows[:some], count)
		rows = slices.Concat(missing, rows[some:])
		if len(missing) < some {
			attempt = 0
		}
		var busy *busyError
		switch {
		case err == nil:
			limit, distance = min(limit+maxUnits/10, maxUnits), max(distance-1, 0)
			continue
		case !errors.As(err, &busy):
			return rows, err
		case attempt == maxAttempts:
			return rows, fmt.Errorf("after %d attempts: %w", attempt, err)
		case busy.throttled:
			limit = consumed / 2
		}
		distance = min(distance+1, maxAttempts)
	}
	return nil, nil
}

// storeError returns the error of StoreChats or StoreMessages: with the numbers
// of the rows that are missing, unless these are all.
func storeError(attempted string, err error, missing []types.TransactWriteItem, all int) error {
	err = failure(attempted, err)
	if len(missing) == all {
		return err
	}
	partly := &chat.NotStoredError{Err: err}
	for _, row := range missing {
		partly.Numbers = append(partly.Numbers, numberOf(row))
	}
	return partly
}

// numberOf returns the number of the message that a row puts, or of the chat that
// it updates.
func numberOf(row types.TransactWriteItem) (n int64) {
	if row.Put != nil {
		_ = attributevalue.Unmarshal(row.Put.Item["message_number"], &n) // as we have encoded it
	} else {
		_ = attributevalue.Unmarshal(row.Update.Key["chat_number"], &n)
	}
	return n
}

// firstRows returns how many of the rows fit into one transaction, at least 1,
// and the write units that they consume.
func firstRows(rows []types.TransactWriteItem, limit int) (n, units int) {
	for _, row := range rows[:min(len(rows), maxRows)] {
		next := unitsOf(row)
		if n > 0 && units+next > limit {
			break
		}
		n, units = n+1, units+next
	}
	return n, units
}

// storeTogether attempts to write rows and their count in one transaction. It
// returns the rows that are not stored after it: none, or all but those that
// exist, or all. An error wraps chat.ErrUnstorable if a row can never be stored.
func (s *Store) storeTogether(
	ctx context.Context, rows []types.TransactWriteItem, count newCount,
) (missing []types.TransactWriteItem, err error) {
	counted, err := count(len(rows))
	if err != nil {
		return rows, err
	}
	refused, err := s.attempt(ctx, append(slices.Clone(rows), types.TransactWriteItem{Update: counted}))
	var invalid *itemError
	switch {
	case errors.As(err, &invalid) && invalid.invalid() && invalid.place < len(rows):
		return rows, fmt.Errorf("%w: %w", chat.ErrUnstorable, err)
	case refused == nil && err != nil:
		return rows, err
	case refused == nil:
		return nil, nil
	case refusedBy(refused[len(rows)]):
		return rows, errCountRefused
	}
	for i, row := range rows {
		if !refusedBy(refused[i]) {
			missing = append(missing, row)
		}
	}
	return missing, err
}

// countBy returns the change of a count. The change is numbered, so that whoever
// counts the rows can tell whether the count has changed meanwhile.
func countBy(count string, added int) expression.UpdateBuilder {
	return expression.
		Add(expression.Name(count), expression.Value(added)).
		Add(expression.Name(countChanges), expression.Value(1))
}

// distinct returns the items with different numbers, the first of each: a
// transaction can name a row only once.
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
