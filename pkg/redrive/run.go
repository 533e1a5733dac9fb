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
	IDs    []string                     // of the dead letters; none for all
	Limit  int                          // of the dead letters of this run
	DryRun bool                         // only report them
	Report func(chat.DeadLetter, error) // called with each dead letter, and why it was not redriven
}

// Result says what a run has done.
type Result struct {
	Redriven int `json:"redriven"` // and deleted; in a dry run, those that would be
	Failed   int `json:"failed"`   // and kept
}

// Run redrives each dead letter once, and deletes it if that succeeds. One that
// fails is kept and does not affect the others. Run releases what it has received.
func Run(
	ctx context.Context, letters chat.DeadLetters, handler Handler, options Options,
) (result Result, err error) {
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

// Each receives dead letters and calls do with up to limit of them: with all, or
// with those that have one of the IDs. It ends when do returns an error, and does
// not release them.
func Each(
	ctx context.Context, letters chat.DeadLetters, ids []string, limit int, do func(chat.DeadLetter) error,
) error {
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
