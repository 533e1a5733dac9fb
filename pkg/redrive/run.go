package redrive

import (
	"context"
	"errors"
	"slices"

	"chatapi/pkg/chat"
)

// batchSize is how many dead letters are received at a time.
const batchSize = 10

// Options are the settings of a run.
type Options struct {
	IDs    []string                     // of the letters to deal with; none for all
	Limit  int                          // letters to deal with at most
	DryRun bool                         // only look which they are
	Report func(chat.DeadLetter, error) // called with each letter that was dealt with, or not
}

// Result says what a run has done.
type Result struct {
	Redriven int `json:"redriven"` // dealt with and deleted or, in a dry run, to be dealt with
	Failed   int `json:"failed"`   // left as they are
}

// Run deals with letters once each, and deletes those that it succeeded with.
// Letters that fail stay and hold up no other. It releases what it has taken.
func Run(ctx context.Context, letters chat.DeadLetters, handler Handler, options Options) (result Result, err error) {
	defer func() { err = errors.Join(err, letters.Release(context.WithoutCancel(ctx))) }()
	err = Each(ctx, letters, options.IDs, options.Limit, func(letter chat.DeadLetter) error {
		err := one(ctx, letters, handler, letter, options.DryRun)
		if err == nil {
			result.Redriven++
		} else {
			result.Failed++
		}
		options.Report(letter, err)
		return ctx.Err()
	})
	return result, err
}

func one(ctx context.Context, letters chat.DeadLetters, handler Handler, letter chat.DeadLetter, dryRun bool) error {
	if dryRun {
		return nil
	}
	if err := handler.Redrive(ctx, letter); err != nil {
		return err
	}
	return letters.Delete(ctx, letter)
}

// Each takes letters, all or those with some ids, and calls do with up to limit
// of them. It ends where do returns an error, and does not release them.
func Each(ctx context.Context, letters chat.DeadLetters, ids []string, limit int, do func(chat.DeadLetter) error) error {
	if len(ids) > 0 {
		limit = min(limit, len(ids))
	}
	for done := 0; done < limit; {
		size := batchSize
		if len(ids) == 0 {
			size = min(batchSize, limit-done)
		}
		some, err := letters.Receive(ctx, size)
		if err != nil || len(some) == 0 {
			return err
		}
		for _, letter := range some {
			if done == limit || (len(ids) > 0 && !slices.Contains(ids, letter.ID)) {
				continue
			}
			done++
			if err := do(letter); err != nil {
				return err
			}
		}
	}
	return nil
}
