package dynamo

import (
	"context"
	"errors"
	"fmt"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// failure says what was attempted, and wraps chat.ErrUnavailable if the same
// call may succeed later.
func failure(attempted string, err error) error {
	if isTransient(err) && !errors.Is(err, chat.ErrUnavailable) {
		return fmt.Errorf("%s: %w: %w", attempted, chat.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", attempted, err)
}

// isTransient reports whether the same call may succeed later: it took too long,
// a transaction held the row, or the SDK's attempts or its quota of retries were
// used up by what it retries (throttling, a 5xx response, a broken connection).
// What the caller canceled, or what is wrong with the request, the permissions or
// the tables, would fail again.
func isTransient(err error) bool {
	var quota ratelimit.QuotaExceededError
	return errors.Is(err, context.DeadlineExceeded) ||
		retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err).Bool() ||
		errors.As(err, &quota) || isConflict(err)
}

// isThrottled reports whether DynamoDB refused a call, and changed nothing,
// because of the rate of a table, a partition or the account.
func isThrottled(err error) bool {
	return retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err).Bool()
}

// conditionFailed reports whether a write was refused by its condition.
func conditionFailed(err error) bool {
	var failed *types.ConditionalCheckFailedException
	return errors.As(err, &failed)
}

// mayHaveWritten reports whether a call that failed may have changed rows, or
// may still do so: only a response with a 4xx status says that it does not.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
func mayHaveWritten(err error) bool {
	var response *smithyhttp.ResponseError
	return !errors.As(err, &response) || response.HTTPStatusCode()/100 != 4
}
