package sqs

import (
	"context"
	"errors"
	"fmt"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// failure says what was attempted, and wraps chat.ErrUnavailable if the same call
// may succeed later: it took too long, or the SDK's attempts or its quota of
// retries were used up by what it retries (throttling, a 5xx response, a broken
// connection).
func failure(attempted string, err error) error {
	var quota ratelimit.QuotaExceededError
	transient := errors.Is(err, context.DeadlineExceeded) ||
		retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err).Bool() ||
		errors.As(err, &quota)
	if transient {
		return fmt.Errorf("%s: %w: %w", attempted, chat.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", attempted, err)
}
