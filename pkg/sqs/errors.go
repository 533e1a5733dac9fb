package sqs

import (
	"context"
	"errors"
	"fmt"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// failure says what was tried, and wraps chat.ErrUnavailable where the same
// call may succeed later: it took too long, or it met what the SDK would try
// again (throttling, a 5xx answer, a broken connection) until its tries or its
// allowance of retries were used up.
func failure(tried string, err error) error {
	var quota ratelimit.QuotaExceededError
	passing := errors.Is(err, context.DeadlineExceeded) ||
		retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err).Bool() ||
		errors.As(err, &quota)
	if passing {
		return fmt.Errorf("%s: %w: %w", tried, chat.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", tried, err)
}
