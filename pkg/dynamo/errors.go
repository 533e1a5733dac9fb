package dynamo

import (
	"context"
	"errors"
	"fmt"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// failure says what was tried, and wraps chat.ErrUnavailable where the same
// call may succeed later.
func failure(tried string, err error) error {
	if passing(err) {
		return fmt.Errorf("%s: %w: %w", tried, chat.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", tried, err)
}

// passing reports whether an error may pass: the call took too long, or it met
// what the SDK would try again (throttling, a 5xx answer, a broken connection)
// until its tries or its allowance of retries were used up, or a transaction
// held the row. What the caller ended, or what is wrong with the request, the
// rights or the tables, comes again.
func passing(err error) bool {
	var quota ratelimit.QuotaExceededError
	var conflict *types.TransactionConflictException
	return errors.Is(err, context.DeadlineExceeded) ||
		retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err).Bool() ||
		errors.As(err, &quota) || errors.As(err, &conflict)
}

// conditionFailed reports whether a write was refused by its condition.
func conditionFailed(err error) bool {
	var failed *types.ConditionalCheckFailedException
	return errors.As(err, &failed)
}
