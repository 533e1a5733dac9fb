package dynamo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	smithytime "github.com/aws/smithy-go/time"
)

// A transaction that conflicts with another one, or is throttled, is attempted
// up to maxAttempts times, after a random delay of up to firstDelay, then twice
// that and so on up to maxDelay: about 3 s in all.
//
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
const (
	maxAttempts = 12
	firstDelay  = 10 * time.Millisecond
	maxDelay    = time.Second
)

// waitToRetry waits after an attempt, counted from 1, or until the context ends.
func waitToRetry(ctx context.Context, attempt int) error {
	return smithytime.SleepWithContext(ctx, rand.N(min(firstDelay<<(attempt-1), maxDelay)))
}

// busyError is the error of a transaction that changed nothing because it was
// throttled or conflicted with another one. It wraps chat.ErrUnavailable.
type busyError struct {
	throttled bool
	cause     error
}

func (e *busyError) Error() string   { return fmt.Sprintf("%v: %v", chat.ErrUnavailable, e.cause) }
func (e *busyError) Unwrap() []error { return []error{chat.ErrUnavailable, e.cause} }

// itemError is the reason for which one item canceled its transaction and would
// cancel it again.
type itemError struct {
	place         int // of the item, from 0
	code, message string
}

func (e *itemError) Error() string {
	return fmt.Sprintf("transaction canceled by item %d: %s: %s", e.place+1, e.code, e.message)
}

// invalid reports whether the item's content is at fault.
func (e *itemError) invalid() bool {
	return e.code == "ValidationError" || e.code == "ItemCollectionSizeLimitExceeded"
}

// transact writes items in one transaction, and retries it while it is throttled
// or conflicts with others. If conditions failed it writes nothing and returns
// the reasons, one per item in their order, of which at least one is
// conditionFailedCode.
//
// The SDK gives each call a client request token, so that its own retries write
// once.
func (s *Store) transact(ctx context.Context, items []types.TransactWriteItem) ([]types.CancellationReason, error) {
	for attempt := 1; ; attempt++ {
		refused, err := s.attempt(ctx, items)
		if refused != nil {
			return refused, nil
		}
		var busy *busyError
		if !errors.As(err, &busy) {
			return nil, err
		}
		if attempt == maxAttempts {
			return nil, fmt.Errorf("after %d attempts: %w", attempt, err)
		}
		if err := waitToRetry(ctx, attempt); err != nil {
			return nil, err
		}
	}
}

// conditionFailedCode is the reason of an item whose condition failed.
const conditionFailedCode = "ConditionalCheckFailed"

// attempt calls DynamoDB once for a transaction. It returns a *busyError if the
// transaction may succeed later, and an *itemError if an item would cancel it
// again. If conditions failed it returns the reasons, with a *busyError if other
// items were throttled or in conflict.
func (s *Store) attempt(ctx context.Context, items []types.TransactWriteItem) ([]types.CancellationReason, error) {
	_, err := s.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: items})
	var canceled *types.TransactionCanceledException
	switch {
	case errors.As(err, &canceled):
		return judge(canceled, len(items))
	case isThrottled(err):
		return nil, &busyError{throttled: true, cause: err}
	default:
		return nil, err
	}
}

// judge tells what attempt returns for a canceled transaction.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html#API_TransactWriteItems_Errors
func judge(canceled *types.TransactionCanceledException, items int) ([]types.CancellationReason, error) {
	reasons := canceled.CancellationReasons
	if len(reasons) != items {
		return nil, fmt.Errorf("transaction of %d items canceled for %d reasons", items, len(reasons))
	}
	var refused, throttled, conflict bool
	for i, reason := range reasons {
		switch code := aws.ToString(reason.Code); code {
		case "None":
		case conditionFailedCode:
			refused = true
		case "TransactionConflict":
			conflict = true
		case "ThrottlingError", "ProvisionedThroughputExceeded":
			throttled = true
		default:
			return nil, &itemError{place: i, code: code, message: aws.ToString(reason.Message)}
		}
	}
	var err error
	if throttled || conflict || !refused {
		err = &busyError{throttled: throttled, cause: canceled}
	}
	if !refused {
		reasons = nil
	}
	return reasons, err
}

// refusedBy reports whether an item's condition canceled its transaction.
func refusedBy(reason types.CancellationReason) bool {
	return aws.ToString(reason.Code) == conditionFailedCode
}
