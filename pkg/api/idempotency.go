package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"chatapi/pkg/chat"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// KeyHeader is the header with which a create is safe to repeat.
type KeyHeader struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"1 to 255 visible ASCII characters, in double quotes or not. A repeat with the same key within 24 hours creates nothing and gets the same response"`
}

// Resolve returns an error for a header without a key, which a client with an
// empty variable sends, and for several: both would be taken for a create that
// is safe to repeat. huma calls it.
func (h KeyHeader) Resolve(ctx huma.Context) []error {
	r, _ := humago.Unwrap(ctx)
	lines := r.Header.Values(keyHeader)
	switch {
	case len(lines) > 1:
		return []error{&huma.ErrorDetail{Location: "header." + keyHeader, Message: "must be given once"}}
	case len(lines) == 1 && h.IdempotencyKey == "":
		return []error{&huma.ErrorDetail{
			Location: "header." + keyHeader, Message: fmt.Sprintf("must have 1 to %d visible ASCII characters", chat.MaxKey),
		}}
	default:
		return nil
	}
}

const keyHeader = "Idempotency-Key"

// claim returns the claim of a request for its key, nil if it has none.
func (h KeyHeader) claim(parent chat.Parent, request any, now time.Time) (*chat.Claim, error) {
	if h.IdempotencyKey == "" {
		return nil, nil
	}
	text, err := unquote(h.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	claim, err := chat.NewClaim(parent, text, request, now)
	return &claim, err
}

// unquote returns the text of a string of a structured field (RFC 9651,
// section 4.2.5), or a value as it is if it is not quoted.
func unquote(value string) (string, error) {
	quoted, isString := strings.CutPrefix(value, `"`)
	if !isString {
		return value, nil
	}
	bad := &chat.InvalidError{Fields: []chat.FieldError{{
		Field: keyHeader, Message: "must end with its second double quote; between the two, " +
			`\ must come before each " and \, and nowhere else`,
	}}}
	var text strings.Builder
	for i := 0; i < len(quoted); i++ {
		switch c := quoted[i]; c {
		case '"':
			if i != len(quoted)-1 {
				return "", bad
			}
			return text.String(), nil
		case '\\':
			i++
			if i == len(quoted) || quoted[i] != '"' && quoted[i] != '\\' {
				return "", bad
			}
			text.WriteByte(quoted[i])
		default:
			text.WriteByte(c)
		}
	}
	return "", bad
}

// number returns the number of a create and its time. Without a claim it
// allocates a number: one call. With one, a repeat gets what the first create
// recorded, and a first create costs two calls more, each of 1 write unit on
// DynamoDB: the number is recorded before the create is enqueued, so that whoever
// continues after a crash enqueues the same one. If it is not known whether the
// number is recorded, the create must not be enqueued.
func (c creates) number(
	ctx context.Context, claim *chat.Claim, now time.Time, allocate func(context.Context) (int64, error),
) (int64, time.Time, error) {
	if claim == nil {
		n, err := allocate(ctx)
		return n, now, err
	}
	mine, err := c.keys.Claim(ctx, *claim)
	if errors.Is(err, chat.ErrKeyInUse) || errors.Is(err, chat.ErrKeyReused) || mine.Number > 0 {
		return mine.Number, mine.CreatedAt, err
	}
	if err == nil {
		mine.Number, err = allocate(ctx)
	}
	if err == nil {
		err = c.keys.Record(ctx, mine)
	}
	if err != nil {
		c.release(ctx, *claim)
	}
	return mine.Number, mine.CreatedAt, err
}

// releaseWithin is how long the release of a claim may take once the request's
// own time is over.
const releaseWithin = time.Second

// release lets a repeat of a create that failed continue at once, even if it is
// not known what the create did. An error is only logged: the claim also ends by
// itself, after chat.LeaseTime.
func (c creates) release(ctx context.Context, claim chat.Claim) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseWithin)
	defer cancel()
	if err := c.keys.Release(limited, claim); err != nil && !errors.Is(err, context.Canceled) {
		logger(ctx).WarnContext(ctx, "could not release the claim of an Idempotency-Key", "error", err)
	}
}
